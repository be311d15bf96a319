//! A map with a bound: what was not asked for lately makes room. Two generations; when the young one is full, the old one goes.

use std::collections::HashMap;
use std::hash::Hash;

pub(crate) struct Forgetful<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    generation: usize,
}

impl<K: Hash + Eq, V: Default> Forgetful<K, V> {
    /// Remembers the last `generation` keys at least, twice as many at most.
    pub(crate) fn new(generation: usize) -> Forgetful<K, V> {
        Forgetful {
            young: HashMap::new(),
            old: HashMap::new(),
            generation,
        }
    }

    /// What is remembered of a key; a fresh value if nothing is.
    pub(crate) fn entry(&mut self, key: K) -> &mut V {
        if !self.young.contains_key(&key) && self.young.len() >= self.generation {
            self.old = std::mem::take(&mut self.young);
        }
        let old = &mut self.old;
        match self.young.entry(key) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(place) => {
                let value = old.remove(place.key()).unwrap_or_default();
                place.insert(value)
            }
        }
    }

    pub(crate) fn forget(&mut self, key: &K) {
        self.young.remove(key);
        self.old.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn map_forgets_the_least_lately_used_and_stays_bounded() {
        let mut map = Forgetful::<u32, u32>::new(10);
        *map.entry(0) = 7;
        for key in 1..1000 {
            *map.entry(key) = key;
            assert_eq!(*map.entry(0), 7, "asked for all the time");
            assert!(map.young.len() + map.old.len() <= 20);
        }
        assert_eq!(*map.entry(1), 0, "long forgotten");
    }
}
