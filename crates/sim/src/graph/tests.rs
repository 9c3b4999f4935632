//! What holds of every graph, whatever the seed.

use proptest::prelude::*;

use super::*;
use crate::dice::Dice;

/// Ascending neighbours without loops and doubles, and every edge known at both ends.
fn check_simple(graph: &Graph) {
    let mut arcs = 0;
    for node in 0..graph.nodes() {
        let neighbours = graph.neighbours(node);
        assert_eq!(neighbours.len(), graph.degree(node) as usize);
        assert!(neighbours.windows(2).all(|pair| pair[0] < pair[1]), "{neighbours:?}");
        for other in neighbours {
            assert_ne!(*other, node, "a loop");
            assert!(graph.neighbours(*other).binary_search(&node).is_ok(), "both ways");
        }
        arcs += neighbours.len() as u64;
    }
    assert_eq!(arcs, 2 * graph.edges());
    assert_eq!(graph.pairs().count() as u64, graph.edges());
}

fn degrees(graph: &Graph) -> Vec<u32> {
    (0..graph.nodes()).map(|node| graph.degree(node)).collect()
}

proptest! {
    #[test]
    fn random_graphs_are_simple_and_repeat(nodes in 0_u32..200, times in 0_u64..=20, seed: u64) {
        let draw = || erdos_renyi(nodes, Chance::of(times, 20), &mut Dice::new(seed)).expect("small");
        let graph = draw();
        check_simple(&graph);
        prop_assert_eq!(graph.nodes(), nodes);
        prop_assert_eq!(&graph, &draw());
        let pairs = u64::from(nodes) * u64::from(nodes.saturating_sub(1)) / 2;
        prop_assert!(times != 0 || graph.edges() == 0);
        prop_assert!(times != 20 || graph.edges() == pairs);
        prop_assert!(times != 20 || graph == complete(nodes).expect("small"));
    }

    #[test]
    fn growing_graphs_have_the_links_they_ask_for(nodes in 2_u32..200, links in 1_u32..8, seed: u64) {
        prop_assume!(links < nodes);
        let graph = barabasi_albert(nodes, links, &mut Dice::new(seed)).expect("small");
        check_simple(&graph);
        prop_assert_eq!(graph.edges(), u64::from(links * (links + 1) / 2 + (nodes - links - 1) * links));
        prop_assert!(degrees(&graph).iter().all(|degree| *degree >= links));
        prop_assert_eq!(&graph, &barabasi_albert(nodes, links, &mut Dice::new(seed)).expect("small"));
    }

    #[test]
    fn small_worlds_keep_their_edges(nodes in 1_u32..100, half in 0_u32..6, times in 0_u64..=10, seed: u64) {
        prop_assume!(2 * half < nodes);
        let draw = || watts_strogatz(nodes, 2 * half, Chance::of(times, 10), &mut Dice::new(seed));
        let graph = draw().expect("small");
        check_simple(&graph);
        prop_assert_eq!(graph.edges(), u64::from(nodes * half));
        prop_assert!(times != 0 || degrees(&graph).iter().all(|degree| *degree == 2 * half));
        prop_assert_eq!(&graph, &draw().expect("small"));
    }

    #[test]
    fn degrees_are_what_was_asked_for(seed: u64, nodes in 2_u32..120, times in 0_u64..=8) {
        // The degrees of some graph are those of a graph.
        let asked = degrees(&erdos_renyi(nodes, Chance::of(times, 20), &mut Dice::new(seed)).expect("small"));
        let graph = configuration(&asked, &mut Dice::new(seed ^ 1)).expect("graphical");
        check_simple(&graph);
        prop_assert_eq!(degrees(&graph), asked.clone());
        prop_assert_eq!(graph, configuration(&asked, &mut Dice::new(seed ^ 1)).expect("graphical"));
    }

    #[test]
    fn edges_in_any_order_make_the_same_graph(
        edges in proptest::collection::vec((0_u32..30, 0_u32..30), 0..100),
    ) {
        let edges: Vec<(u32, u32)> = edges.into_iter().filter(|(a, b)| a != b).collect();
        let both = Graph::new(30, edges.iter().copied(), Direction::Both).expect("good");
        check_simple(&both);
        let turned = edges.iter().rev().map(|(a, b)| (*b, *a));
        prop_assert_eq!(&both, &Graph::new(30, turned.clone(), Direction::Both).expect("good"));
        let one_way = Graph::new(30, edges.iter().copied(), Direction::OneWay).expect("good");
        prop_assert_eq!(one_way.reversed(), Graph::new(30, turned, Direction::OneWay).expect("good"));
        prop_assert_eq!(&one_way.reversed().reversed(), &one_way);
    }

    #[test]
    fn borrowers_have_so_many_different_lenders(
        shares in proptest::collection::vec(0_u32..5, 1..20), seed: u64,
    ) {
        let with_share = shares.iter().filter(|share| **share > 0).count();
        prop_assume!(with_share > 0);
        let most = u32::try_from(with_share).expect("few");
        let shape = LendingShape { borrowers: 50, shares: &shares, loans: &[(1, 2), (most, 1), (99, 0)] };
        let lending = Lending::draw(&shape, &mut Dice::new(seed)).expect("good");
        prop_assert_eq!(&lending, &Lending::draw(&shape, &mut Dice::new(seed)).expect("good"));
        prop_assert_eq!((lending.lenders() as usize, lending.borrowers()), (shares.len(), 50));
        let mut loans = 0;
        for borrower in 0..50 {
            let lenders = lending.lenders_of(borrower);
            loans += lenders.len() as u64;
            prop_assert!(lenders.len() == 1 || lenders.len() == with_share);
            prop_assert!(lenders.windows(2).all(|pair| pair[0] < pair[1]));
            for lender in lenders {
                prop_assert!(shares[*lender as usize] > 0);
                prop_assert!(lending.borrowers_of(*lender).binary_search(&borrower).is_ok());
            }
        }
        prop_assert_eq!(lending.loans(), loans);
    }
}

#[test]
fn a_random_graph_has_as_many_edges_as_chance_says() {
    // Mean degree 4 of 20,000 nodes: 40,000 edges, standard deviation 200.
    let graph = erdos_renyi(20_000, Chance::of(4, 19_999), &mut Dice::new(7)).expect("small");
    assert!(graph.edges().abs_diff(40_000) < 1_000, "{}", graph.edges());
    // Degrees are those of a Poisson distribution: e^-4 of the nodes, 366, are alone.
    let alone = degrees(&graph).iter().filter(|degree| **degree == 0).count();
    assert!(alone.abs_diff(366) < 100, "{alone}");
}

#[test]
fn who_has_links_gets_more() {
    let graph = barabasi_albert(5_000, 3, &mut Dice::new(7)).expect("small");
    let greatest = degrees(&graph).into_iter().max().unwrap_or(0);
    // Of a random graph with as many edges it would be about 20.
    assert!(greatest > 80, "{greatest}");
}

#[test]
fn shares_are_shares_of_first_loans() {
    let shape = LendingShape { borrowers: 10_000, shares: &[700, 0, 300], loans: &[(1, 1)] };
    let lending = Lending::draw(&shape, &mut Dice::new(3)).expect("good");
    assert!(lending.borrowers_of(0).len().abs_diff(7_000) < 250);
    assert_eq!(lending.borrowers_of(1), [0_u32; 0]);
}

#[test]
fn graphs_without_chance() {
    let graph = complete(5).expect("small");
    check_simple(&graph);
    assert_eq!(degrees(&graph), [4; 5]);
    let graph = bipartite(2, 3).expect("small");
    check_simple(&graph);
    assert_eq!(degrees(&graph), [3, 3, 2, 2, 2]);
    assert_eq!(graph.neighbours(4), [0, 1]);
    assert_eq!(complete(0).expect("small").nodes(), 0);
    assert!(graph.bytes() >= 4 * (6 + 12));
}

#[test]
fn limits_are_refused_before_anything_is_made() {
    assert_eq!(check_size(MAX_NODES - 1, MAX_EDGES - 1), Ok(()));
    assert_eq!(check_size(MAX_NODES, MAX_EDGES), Ok(()));
    assert_eq!(check_size(MAX_NODES + 1, 0), Err(GraphError::TooManyNodes(MAX_NODES + 1)));
    assert_eq!(check_size(0, MAX_EDGES + 1), Err(GraphError::TooManyEdges(MAX_EDGES + 1)));
    let mut dice = Dice::new(1);
    let dice = &mut dice;
    let many = u32::try_from(MAX_NODES + 1).expect("32 bits");
    let too_many = GraphError::TooManyNodes(MAX_NODES + 1);
    assert_eq!(erdos_renyi(many, Chance::NEVER, dice), Err(too_many.clone()));
    assert_eq!(barabasi_albert(many, 1, dice), Err(too_many.clone()));
    assert_eq!(watts_strogatz(many, 2, Chance::NEVER, dice), Err(too_many.clone()));
    assert_eq!(complete(many), Err(too_many.clone()));
    assert_eq!(bipartite(many - 1, 1), Err(too_many));
    assert!(matches!(complete(100_000), Err(GraphError::TooManyEdges(_))));
    assert!(matches!(bipartite(100_000, 100_000), Err(GraphError::TooManyEdges(_))));
    assert!(matches!(barabasi_albert(1_000_000, 200, dice), Err(GraphError::TooManyEdges(_))));
    assert!(matches!(configuration(&[u32::MAX; 3], dice), Err(GraphError::TooManyEdges(_))));
    let shape = LendingShape { borrowers: many - 1, shares: &[1], loans: &[(1, 1)] };
    assert!(matches!(Lending::draw(&shape, dice), Err(GraphError::TooManyNodes(_))));
}

#[test]
fn shapes_that_no_graph_has_are_refused() {
    let dice = &mut Dice::new(1);
    assert_eq!(barabasi_albert(5, 0, dice), Err(GraphError::Links { links: 0, nodes: 5 }));
    assert_eq!(barabasi_albert(5, 5, dice), Err(GraphError::Links { links: 5, nodes: 5 }));
    assert!(barabasi_albert(5, 4, dice).is_ok());
    for neighbours in [3, 5, 6] {
        let error = watts_strogatz(5, neighbours, Chance::NEVER, dice);
        assert_eq!(error, Err(GraphError::Ring { neighbours, nodes: 5 }));
    }
    assert_eq!(configuration(&[1, 1, 1], dice), Err(GraphError::NotGraphical));
    assert_eq!(
        Graph::new(2, [(0, 2)], Direction::Both),
        Err(GraphError::NoSuchNode { node: 2, nodes: 2 })
    );
    assert_eq!(Graph::new(2, [(1, 1)], Direction::Both), Err(GraphError::Loop(1)));
    for loans in [&[(0, 1)][..], &[(3, 1)], &[(1, 0)], &[]] {
        let shape = LendingShape { borrowers: 1, shares: &[1, 0, 1], loans };
        assert!(matches!(Lending::draw(&shape, dice), Err(GraphError::Lenders { lenders: 2, .. })));
    }
    assert!(Lending::new(1, 1, &[(0, 0), (0, 0)]).is_ok_and(|lending| lending.loans() == 1));
    assert_eq!(Lending::new(1, 1, &[(1, 0)]), Err(GraphError::NoSuchNode { node: 1, nodes: 1 }));
    assert_eq!(Lending::new(1, 1, &[(0, 1)]), Err(GraphError::NoSuchNode { node: 1, nodes: 1 }));
}

#[test]
fn lists_of_edges_are_read() {
    let text = "# who follows whom\nacme bolt\n\nbolt,cask\n% more\n acme\t cask \nbolt acme\n";
    let read = read_edge_list("x.txt", text, Direction::Both).expect("good");
    assert_eq!(read.names, ["acme", "bolt", "cask"]);
    assert_eq!(read.graph, complete(3).expect("small"));
    let read = read_edge_list("x.txt", text, Direction::OneWay).expect("good");
    assert_eq!(read.graph.edges(), 4);
    assert_eq!(read.graph.neighbours(1), [0, 2]);
    for (text, expected) in [
        ("", "x.txt:1: expected at least one edge, got none"),
        ("a b\nc\n", "x.txt:2: expected the names of two nodes, got 1"),
        ("a b 3\n", "x.txt:1: expected the names of two nodes, got 3"),
        ("a b\n\na a\n", "x.txt:3: expected two different nodes, got \"a\" twice"),
    ] {
        let error = read_edge_list("x.txt", text, Direction::Both).expect_err(expected);
        assert_eq!(error.to_string(), expected);
    }
}

/// A GraphML file with this on the lines from 4 on.
fn graphml(edgedefault: &str, inner: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n<graphml xmlns=\"http://graphml.graphdrawing.org/xmlns\"><key id=\"w\"/>\n\
         <graph edgedefault=\"{edgedefault}\">\n{inner}\n</graph></graphml>\n"
    )
}

#[test]
fn graphml_is_read() {
    let inner = "<edge source=\"a&amp;b\" target=\"c\"><data key=\"w\"><x>1</x></data></edge>\n\
                 <node id=\"c\"/><node id=\"a&amp;b\"><desc>text</desc></node><node id=\"alone\"/>";
    let read = read_graphml("x.graphml", &graphml("undirected", inner)).expect("good");
    assert_eq!(read.names, ["c", "a&b", "alone"]);
    assert_eq!(read.graph.pairs().collect::<Vec<_>>(), [(0, 1)]);
    let read = read_graphml("x.graphml", &graphml("directed", inner)).expect("good");
    assert_eq!(read.graph.direction(), Direction::OneWay);
    assert_eq!(read.graph.neighbours(1), [0]);
}

#[test]
fn mistakes_in_graphml_are_told_with_their_line() {
    let two = "<node id=\"a\"/><node id=\"b\"/>";
    for (inner, expected) in [
        ("<node/>".to_owned(), "4: expected the attribute \"id\" of <node>"),
        (format!("{two}\n<node id=\"a\"/>"), "5: expected an id of its own, \"a\" occurs twice"),
        (
            format!("{two}\n\n<edge source=\"a\" target=\"c\"/>"),
            "6: expected edges between nodes of the graph, got \"c\"",
        ),
        (
            format!("{two}\n<edge source=\"a\" target=\"a\"/>"),
            "5: expected two different nodes, got \"a\" twice",
        ),
        (
            format!("{two}<edge source=\"a\" target=\"b\" directed=\"true\"/>"),
            "4: directed: expected edges as edgedefault says, got \"true\"",
        ),
        ("<hyperedge/>".to_owned(), "4: expected one graph of nodes and edges, got <hyperedge>"),
        (
            "<node id=\"a\">\n<graph edgedefault=\"directed\"/></node>".to_owned(),
            "5: expected one graph of nodes and edges, got <graph>",
        ),
        ("<node id=\"a\"></edge>".to_owned(), "4: expected XML"),
    ] {
        let error =
            read_graphml("x", &graphml("undirected", &inner)).expect_err(expected).to_string();
        assert!(error.starts_with(&format!("x:{expected}")), "{error}, not {expected}");
    }
    for (text, expected) in [
        ("<graphml/>".to_owned(), "x:1: expected a graph, got none"),
        ("<html/>".to_owned(), "x:1: expected <graphml>"),
        (
            graphml("both", ""),
            "x:3: edgedefault: expected \"directed\" or \"undirected\", got \"both\"",
        ),
        ("<graphml>\n<graph".to_owned(), "x:2: expected XML"),
        ("<graphml>\n".to_owned(), "x:2: expected every element to be closed"),
    ] {
        let error = read_graphml("x", &text).expect_err(expected).to_string();
        assert!(error.starts_with(expected), "{error}, not {expected}");
    }
}
