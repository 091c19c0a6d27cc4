//! A sheet: CSV, XLSX, XLS or ODS.
#![no_main]

mod desk;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    desk::import(bytes, None);
    desk::import(
        bytes,
        Some("kind = \"training\"\n[columns]\ntitle = \"name\"\nstart = \"date\"\n"),
    );
});
