//! The protocols against recorded frames.

mod frames;
