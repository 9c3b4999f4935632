//! Merkle trees over SHA-256 as RFC 9162, section 2.1, defines them: roots, proofs of inclusion,
//! and a tree that grows by one leaf at a time without keeping its leaves.

use sha2::{Digest as _, Sha256};

use crate::Digest;

/// The hash of a leaf: SHA-256(0x00 || data).
pub fn leaf_hash(data: &[u8]) -> Digest {
    leaf_hash_of_parts(&[data])
}

/// The hash of a leaf whose data comes in pieces.
pub(crate) fn leaf_hash_of_parts(parts: &[&[u8]]) -> Digest {
    let mut hash = Sha256::new();
    hash.update([0x00]);
    for part in parts {
        hash.update(part);
    }
    Digest(hash.finalize().into())
}

/// The hash of an inner node: SHA-256(0x01 || left || right).
fn node_hash(left: Digest, right: Digest) -> Digest {
    let mut hash = Sha256::new();
    hash.update([0x01]);
    hash.update(left.0);
    hash.update(right.0);
    Digest(hash.finalize().into())
}

/// The root of the empty tree: SHA-256 of nothing.
fn empty_root() -> Digest {
    Digest(Sha256::digest([]).into())
}

/// Where a tree of `size` >= 2 leaves splits: the largest power of two smaller than `size`.
const fn split(size: usize) -> usize {
    1 << (size - 1).ilog2()
}

/// The root of the tree with these leaf hashes.
pub fn root_of_leaves(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node_hash(root_of_leaves(left), root_of_leaves(right))
        }
    }
}

/// The hashes that lead from leaf `index` (from 0) to the root, the lowest first; nothing when
/// there is no such leaf.
pub fn inclusion_proof(leaves: &[Digest], index: u64) -> Option<Vec<Digest>> {
    let mut index = usize::try_from(index).ok().filter(|index| *index < leaves.len())?;
    let mut rest = leaves;
    let mut path = Vec::new();
    while rest.len() > 1 {
        let (left, right) = rest.split_at(split(rest.len()));
        if index < left.len() {
            path.push(root_of_leaves(right));
            rest = left;
        } else {
            path.push(root_of_leaves(left));
            index -= left.len();
            rest = right;
        }
    }
    path.reverse();
    Some(path)
}

/// The paths of several leaves, in the order of `indices`, which ascend: each inner node is hashed
/// once. Nothing when there is no such leaf, or when they do not ascend.
pub fn inclusion_proofs(leaves: &[Digest], indices: &[u64]) -> Option<Vec<Vec<Digest>>> {
    let mut wanted = Vec::with_capacity(indices.len());
    for index in indices {
        let index = usize::try_from(*index).ok().filter(|index| *index < leaves.len())?;
        if wanted.last().is_some_and(|(last, _)| *last >= index) {
            return None;
        }
        wanted.push((index, Vec::new()));
    }
    gather(leaves, 0, &mut wanted);
    Some(wanted.into_iter().map(|(_, path)| path).collect())
}

/// The root of the tree over `leaves`, the first of which has the index `from`; adds to each path of
/// a leaf among them what leads to that root.
fn gather(leaves: &[Digest], from: usize, wanted: &mut [(usize, Vec<Digest>)]) -> Digest {
    if wanted.is_empty() || leaves.len() < 2 {
        return root_of_leaves(leaves);
    }
    let middle = split(leaves.len());
    let (left, right) = leaves.split_at(middle);
    let parting = wanted.partition_point(|(index, _)| *index < from + middle);
    let (wanted_left, wanted_right) = wanted.split_at_mut(parting);
    let left = gather(left, from, wanted_left);
    let right = gather(right, from + middle, wanted_right);
    for (_, path) in wanted_left {
        path.push(right);
    }
    for (_, path) in wanted_right {
        path.push(left);
    }
    node_hash(left, right)
}

/// Whether `proof` shows that the tree of `size` leaves with this root has `leaf` at `index`
/// (RFC 9162, section 2.1.3.2).
pub fn verify_inclusion(
    root: &Digest,
    leaf: &Digest,
    index: u64,
    size: u64,
    proof: &[Digest],
) -> bool {
    if index >= size {
        return false;
    }
    let (mut at, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if at % 2 == 1 || at == last {
            hash = node_hash(*sibling, hash);
            // A right edge that has no sibling on some levels climbs until it has one.
            while at % 2 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(hash, *sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// A tree that knows only its size and the roots of its perfect subtrees: enough to append to it
/// and to say its root, in at most 64 hashes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CompactTree {
    size: u64,
    /// One root for each bit set in `size`, the largest subtree first.
    subtrees: Vec<Digest>,
}

impl CompactTree {
    /// The tree of so many leaves with these subtree roots, the largest first; nothing when their
    /// number does not fit the size.
    pub fn from_parts(size: u64, subtrees: Vec<Digest>) -> Option<Self> {
        (subtrees.len() == size.count_ones() as usize).then_some(Self { size, subtrees })
    }

    /// How many leaves there are.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The roots of the perfect subtrees, the largest first.
    pub fn subtrees(&self) -> &[Digest] {
        &self.subtrees
    }

    /// Adds a leaf hash at the end.
    ///
    /// # Panics
    /// Never in practice: when there are already 2^64 - 1 leaves.
    pub fn append(&mut self, leaf: Digest) {
        let mut node = leaf;
        // Every bit that the addition carries over merges two subtrees of equal size.
        for _ in 0..self.size.trailing_ones() {
            let left = self.subtrees.pop().expect("there is one subtree for each bit of the size");
            node = node_hash(left, node);
        }
        self.subtrees.push(node);
        self.size = self.size.checked_add(1).expect("nobody writes 2^64 records");
    }

    /// The tree's root.
    pub fn root(&self) -> Digest {
        self.subtrees
            .iter()
            .rev()
            .copied()
            .reduce(|right, left| node_hash(left, right))
            .unwrap_or_else(empty_root)
    }

    /// The tree as bytes: the size as 8 bytes big-endian, then the subtree roots.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.size.to_be_bytes().to_vec();
        bytes.extend(self.subtrees.iter().flat_map(|root| root.0));
        bytes
    }

    /// The tree that [`CompactTree::to_bytes`] wrote; nothing for any other bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (size, roots) = bytes.split_first_chunk::<8>()?;
        let (roots, rest) = roots.as_chunks::<32>();
        if !rest.is_empty() {
            return None;
        }
        Self::from_parts(u64::from_be_bytes(*size), roots.iter().copied().map(Digest).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(count: u8) -> Vec<Digest> {
        (0..count).map(|n| leaf_hash(&[n])).collect()
    }

    #[test]
    fn known_roots() {
        // The tree of certificate transparency's reference tests.
        let data: [&[u8]; 8] = [
            b"",
            b"\x00",
            b"\x10",
            b"\x20\x21",
            b"\x30\x31",
            b"\x40\x41\x42\x43",
            b"\x50\x51\x52\x53\x54\x55\x56\x57",
            b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
        ];
        let leaves: Vec<Digest> = data.iter().map(|data| leaf_hash(data)).collect();
        for (size, root) in [
            (0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            (1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
            (2, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
            (3, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
            (4, "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"),
            (5, "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"),
            (6, "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"),
            (7, "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"),
            (8, "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"),
        ] {
            assert_eq!(root_of_leaves(&leaves[..size]).to_string(), root, "{size} leaves");
        }
    }

    #[test]
    fn the_compact_tree_has_the_same_root_at_every_size() {
        let leaves = leaves(70);
        let mut tree = CompactTree::default();
        for size in 0..=leaves.len() {
            assert_eq!(tree.root(), root_of_leaves(&leaves[..size]), "{size} leaves");
            assert_eq!(CompactTree::from_bytes(&tree.to_bytes()), Some(tree.clone()));
            if let Some(leaf) = leaves.get(size) {
                tree.append(*leaf);
            }
        }
        assert_eq!(tree.size(), 70);
    }

    #[test]
    fn bytes_that_are_no_tree_are_refused() {
        let mut tree = CompactTree::default();
        for leaf in leaves(5) {
            tree.append(leaf);
        }
        let bytes = tree.to_bytes();
        for end in 0..bytes.len() {
            assert_eq!(CompactTree::from_bytes(&bytes[..end]), None, "{end} bytes");
        }
        let mut wrong_size = bytes;
        wrong_size[7] = 7;
        assert_eq!(CompactTree::from_bytes(&wrong_size), None);
    }

    #[test]
    fn every_leaf_is_provably_in_its_tree_and_nowhere_else() {
        for size in 1..=33_u8 {
            let leaves = leaves(size);
            let root = root_of_leaves(&leaves);
            let size = u64::from(size);
            for (index, leaf) in (0..).zip(&leaves) {
                let mut proof = inclusion_proof(&leaves, index).expect("the leaf is there");
                assert!(verify_inclusion(&root, leaf, index, size, &proof));
                assert!(!verify_inclusion(&root, leaf, size, size, &proof));
                for other in (0..size).filter(|other| *other != index) {
                    assert!(!verify_inclusion(&root, leaf, other, size, &proof));
                }
                assert!(!verify_inclusion(&root, &Digest([7; 32]), index, size, &proof));
                proof.push(*leaf);
                assert!(!verify_inclusion(&root, leaf, index, size, &proof));
                proof.pop();
                if proof.pop().is_some() {
                    assert!(!verify_inclusion(&root, leaf, index, size, &proof));
                }
            }
            assert_eq!(inclusion_proof(&leaves, size), None);
        }
        assert_eq!(inclusion_proof(&[], 0), None);
    }

    #[test]
    fn several_paths_at_once_are_those_of_each() {
        let leaves = leaves(21);
        for wanted in [vec![], vec![0], vec![20], vec![0, 1, 7, 8, 15, 16, 19], (0..21).collect()] {
            let each: Option<Vec<_>> =
                wanted.iter().map(|index| inclusion_proof(&leaves, *index)).collect();
            assert_eq!(inclusion_proofs(&leaves, &wanted), each, "{wanted:?}");
        }
        for wrong in [vec![21], vec![1, 1], vec![2, 1]] {
            assert_eq!(inclusion_proofs(&leaves, &wrong), None, "{wrong:?}");
        }
    }
}
