//! The same seed gives the same bytes.

use interlock_sim::cascade::output::{
    Row, header, read_rows, write_daily, write_header, write_lags, write_parquet, write_rows,
};

use parquet::file::reader::{FileReader as _, SerializedFileReader};

use crate::{runs, shipped};

/// Everything that is written about some runs.
fn bytes(name: &str, sets: &[&str], jobs: usize, reps: u32) -> Vec<Vec<u8>> {
    let scenario = shipped(name, sets);
    let settings = crate::settings(sets);
    let runs = runs(&scenario, 9, reps, jobs);
    let rows: Vec<Row> = runs.iter().map(|run| Row::of(&scenario, &settings, run)).collect();
    let keys: Vec<&str> = settings.iter().map(|setting| setting.key.as_str()).collect();
    let mut files = vec![Vec::new(); 4];
    write_rows(&rows, &mut files[0]).expect("written");
    write_parquet(&keys, &rows, &mut files[1]).expect("written");
    for run in &runs {
        write_daily(&scenario, run, &mut files[2]).expect("written");
        write_lags(run, &mut files[3]).expect("written");
    }
    files.extend(runs.into_iter().filter_map(|run| run.log).map(|log| log.text.into_bytes()));
    files
}

#[test]
fn one_thread_and_many_write_the_same() {
    for (name, sets) in [
        ("one-platform-fault", &["borrowers.count=6000"][..]),
        ("herding", &["borrowers.count=300"]),
        ("overdue-forgotten", &[]),
    ] {
        let one = bytes(name, sets, 1, 3);
        assert_eq!(one.len(), 5, "the first run is logged");
        assert!(!one[4].is_empty(), "{name}");
        // Two threads divide these runs, seven take several side by side.
        for jobs in [2, 7] {
            assert!(bytes(name, sets, jobs, 3) == one, "{name} with {jobs} threads");
        }
    }
}

#[test]
fn another_seed_is_another_run() {
    let scenario = shipped("collective-lock", &[]);
    let runs = runs(&scenario, 9, 2, 1);
    assert_ne!(runs[0].tally, runs[1].tally);
    assert_ne!(runs[0].seed, runs[1].seed);
}

#[test]
fn rows_are_read_as_they_were_written() {
    let sets = ["policy.issuer_cap=50", "borrowers.lenders=[{count=1,weight=1}]"];
    let scenario = shipped("collective-lock", &sets);
    let settings = crate::settings(&sets);
    let rows: Vec<Row> =
        runs(&scenario, 1, 3, 1).iter().map(|run| Row::of(&scenario, &settings, run)).collect();
    let mut csv = Vec::new();
    let keys: Vec<&str> = settings.iter().map(|setting| setting.key.as_str()).collect();
    write_header(&keys, &mut csv).expect("written");
    write_rows(&rows, &mut csv).expect("written");
    assert_eq!(read_rows(csv.as_slice()).expect("good rows"), rows);
    let other = b"scenario,run,seed,nothing\n";
    let error = read_rows(other.as_slice()).expect_err("another header").to_string();
    assert!(error.contains("line 1"), "{error}");
    let text = format!("{}\nx,none,1\n", header(&[]).join(","));
    assert!(read_rows(text.as_bytes()).is_err());
}

#[test]
fn parquet_begins_and_ends_as_it_must_and_holds_every_column() {
    let scenario = shipped("collective-lock", &["borrowers.count=50"]);
    let rows: Vec<Row> =
        runs(&scenario, 1, 2, 1).iter().map(|run| Row::of(&scenario, &[], run)).collect();
    let mut file = Vec::new();
    write_parquet(&[], &rows, &mut file).expect("written");
    assert_eq!((&file[..4], &file[file.len() - 4..]), (&b"PAR1"[..], &b"PAR1"[..]));
    let reader = SerializedFileReader::new(bytes::Bytes::from(file)).expect("a good file");
    let schema = reader.metadata().file_metadata().schema_descr();
    let names: Vec<String> =
        schema.columns().iter().map(|column| column.name().to_owned()).collect();
    assert_eq!(names, header(&[]));
    assert_eq!(reader.metadata().file_metadata().num_rows(), 2);
    let first = reader.get_row_iter(None).expect("rows").next().expect("a row").expect("good");
    assert!(first.to_string().contains("borrowers: 50"), "{first}");
}
