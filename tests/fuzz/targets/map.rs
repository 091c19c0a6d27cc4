//! A MAP, over a sheet of two rows.
#![no_main]

mod desk;

libfuzzer_sys::fuzz_target!(|text: &str| {
    desk::import(
        "code,name,date\n1,first,2018-02-12\n2,second,12/02/2018\n".as_bytes(),
        Some(text),
    );
});
