{{- define "counterfoil.labels" -}}
app.kubernetes.io/name: counterfoil
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}
{{- define "counterfoil.selector" -}}
app.kubernetes.io/name: counterfoil
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
{{- define "counterfoil.name" -}}
{{ printf "%s-counterfoil" .Release.Name | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- define "counterfoil.claim" -}}
{{ .Values.data.existingClaim | default (printf "%s-data" (include "counterfoil.name" .)) }}
{{- end }}
{{- define "counterfoil.metricsPort" -}}
{{ regexFind "[0-9]+$" .Values.metrics }}
{{- end }}
