//! The gate over a real journal, with a lamp to switch and people to ask for it.

#[cfg(test)]
mod audit;
#[cfg(test)]
mod promises;
#[cfg(test)]
mod support;
