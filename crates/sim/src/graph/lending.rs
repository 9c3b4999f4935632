//! Who lends to whom: a graph with lenders on one side and borrowers on the other.

use super::{Direction, Graph, GraphError, check_size};
use crate::dice::Dice;

/// What is asked of lenders and borrowers.
#[derive(Debug, Clone, Copy)]
pub struct LendingShape<'a> {
    /// How many borrowers there are.
    pub borrowers: u32,
    /// How likely a loan is from each lender, relative to the others; 0 means it never lends.
    pub shares: &'a [u32],
    /// How many lenders a borrower has, each number with its weight.
    pub loans: &'a [(u32, u64)],
}

/// Who lends to whom. Lenders and borrowers are numbered from 0 each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lending {
    lenders: Graph,
    borrowers: Graph,
}

impl Lending {
    /// Gives each borrower so many different lenders as is drawn, each as likely as its share says.
    ///
    /// # Errors
    /// [`GraphError::Lenders`], or for too many nodes or edges.
    pub fn draw(shape: &LendingShape<'_>, dice: &mut Dice) -> Result<Self, GraphError> {
        let nodes = shape.shares.len() as u64 + u64::from(shape.borrowers);
        check_size(nodes, 0)?;
        let with_share = shape.shares.iter().filter(|share| **share > 0).count();
        let lenders = u32::try_from(with_share).unwrap_or(u32::MAX);
        let likely = shape.loans.iter().filter(|(_, weight)| *weight > 0);
        let numbers: Vec<u32> = likely.map(|(number, _)| *number).collect();
        if numbers.is_empty() {
            return Err(GraphError::Lenders { lenders, got: 0 });
        }
        if let Some(got) = numbers.into_iter().find(|number| !(1..=lenders).contains(number)) {
            return Err(GraphError::Lenders { lenders, got });
        }
        let urn = Urn::new(shape.shares);
        let mut edges = Vec::new();
        let mut drawn = Vec::new();
        for borrower in 0..shape.borrowers {
            urn.draw(dice.weighted(shape.loans), &mut drawn, dice);
            edges.extend(drawn.iter().map(|lender| (*lender, borrower)));
            check_size(0, edges.len() as u64)?;
        }
        Ok(Self::of(shape.shares.len(), shape.borrowers, edges))
    }

    /// Who lends to whom, given as pairs of lender and borrower; a pair that is there twice counts once.
    ///
    /// # Errors
    /// [`GraphError`] for a pair that names nobody, or for too many.
    pub fn new(lenders: u32, borrowers: u32, loans: &[(u32, u32)]) -> Result<Self, GraphError> {
        check_size(u64::from(lenders) + u64::from(borrowers), loans.len() as u64)?;
        for (lender, borrower) in loans {
            if *lender >= lenders {
                return Err(GraphError::NoSuchNode { node: *lender, nodes: lenders });
            }
            if *borrower >= borrowers {
                return Err(GraphError::NoSuchNode { node: *borrower, nodes: borrowers });
            }
        }
        let mut edges = loans.to_vec();
        edges.sort_unstable();
        edges.dedup();
        Ok(Self::of(lenders as usize, borrowers, edges))
    }

    fn of(lenders: usize, borrowers: u32, mut edges: Vec<(u32, u32)>) -> Self {
        let lenders = u32::try_from(lenders).unwrap_or(u32::MAX);
        edges.sort_unstable();
        let by_lender = side(lenders, &edges);
        for edge in &mut edges {
            *edge = (edge.1, edge.0);
        }
        edges.sort_unstable();
        Self { lenders: by_lender, borrowers: side(borrowers, &edges) }
    }

    /// How many lenders there are.
    pub fn lenders(&self) -> u32 {
        self.lenders.nodes()
    }

    /// How many borrowers there are.
    pub fn borrowers(&self) -> u32 {
        self.borrowers.nodes()
    }

    /// How many loans there are.
    pub fn loans(&self) -> u64 {
        self.lenders.edges()
    }

    /// The borrowers of a lender, ascending.
    ///
    /// # Panics
    /// If there is no such lender.
    pub fn borrowers_of(&self, lender: u32) -> &[u32] {
        self.lenders.neighbours(lender)
    }

    /// The lenders of a borrower, ascending.
    ///
    /// # Panics
    /// If there is no such borrower.
    pub fn lenders_of(&self, borrower: u32) -> &[u32] {
        self.borrowers.neighbours(borrower)
    }

    /// How many bytes it takes.
    pub fn bytes(&self) -> usize {
        self.lenders.bytes() + self.borrowers.bytes()
    }
}

/// One side's lists of those on the other side.
fn side(nodes: u32, edges: &[(u32, u32)]) -> Graph {
    Graph::of_sorted(nodes, edges, Direction::OneWay)
}

/// Lenders to be drawn by their shares, without putting them back.
struct Urn<'a> {
    shares: &'a [u32],
    /// The shares of all lenders before each.
    before: Vec<u64>,
    total: u64,
}

impl<'a> Urn<'a> {
    fn new(shares: &'a [u32]) -> Self {
        let mut total = 0;
        let mut before = Vec::with_capacity(shares.len());
        for share in shares {
            before.push(total);
            total += u64::from(*share);
        }
        Self { shares, before, total }
    }

    /// Draws `count` different lenders, in ascending order.
    fn draw(&self, count: u32, drawn: &mut Vec<u32>, dice: &mut Dice) {
        drawn.clear();
        let mut left = self.total;
        for _ in 0..count {
            let mut roll = dice.below(left);
            // Those drawn already are stepped over.
            for lender in drawn.iter() {
                if roll >= self.before[*lender as usize] {
                    roll += u64::from(self.shares[*lender as usize]);
                }
            }
            // The last that begins at or before the roll; one without a share begins where the next does.
            let place = self.before.partition_point(|before| *before <= roll) - 1;
            left -= u64::from(self.shares[place]);
            let lender = u32::try_from(place).unwrap_or(u32::MAX);
            let at = drawn.partition_point(|other| *other < lender);
            drawn.insert(at, lender);
        }
    }
}
