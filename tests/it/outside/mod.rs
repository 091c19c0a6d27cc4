//! The program from outside: what somebody sees who has only its commands, files and ports.

mod approvals;
mod audit;
mod carpentries;
mod changed;
mod contract;
mod coordinator;
mod counts;
mod crowd;
mod demo;
mod everything;
mod files;
mod forget;
mod holds;
mod kills;
mod lists;
mod manager;
mod markers;
mod openletter;
mod putback;
mod refusals;
mod relayed;
mod rollback;
mod sizes;
mod statements;
