//! The five kinds of record.

super::words! {
    /// What kind of activity a record is about.
    pub enum Kind as "kind" {
        /// Asking members or the public about a document or a body.
        Consultation = "consultation",
        /// Teaching: who came, for how long, who completed.
        Training = "training",
        /// Work done together under a grant.
        JointProject = "joint_project",
        /// An open letter, a statement, a meeting with an authority.
        AdvocacyAction = "advocacy_action",
        /// A step in the network's own organisation, such as an updated manual.
        CapacityMilestone = "capacity_milestone",
    }
}
