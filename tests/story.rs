//! Stories of a pair: what their files may say, how they are judged, and how targets live through them.

#[path = "story/embedded.rs"]
mod embedded;
#[path = "story/judged.rs"]
mod judged;
#[path = "story/loading.rs"]
mod loading;
#[path = "story/patience.rs"]
mod patience;
#[path = "story/programs.rs"]
mod programs;
#[path = "support/rig.rs"]
mod rig;
