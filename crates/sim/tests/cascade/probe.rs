use std::num::NonZeroUsize;
use interlock_sim::cascade::*;
use interlock_sim::cascade::scenario::Setting;

#[test]
fn probe() {
    let Ok(what) = std::env::var("PROBE") else { return };
    for line in what.split(';') {
        let mut words = line.split_whitespace();
        let dir = words.next().unwrap();
        let (mut jobs, mut reps) = (1, 1);
        let mut settings: Vec<Setting> = Vec::new();
        for word in words {
            if let Some(n) = word.strip_prefix("jobs:") { jobs = n.parse().unwrap(); continue }
            if let Some(n) = word.strip_prefix("reps:") { reps = n.parse().unwrap(); continue }
            settings.push(word.parse().unwrap());
        }
        let load = |name: &str| std::fs::read_to_string(format!("{dir}/{name}")).map_err(|e| e.to_string());
        let scenario = Scenario::parse("scenario.toml", &load("scenario.toml").unwrap(), &settings, &load).unwrap_or_else(|e| panic!("{dir}: {e}"));
        let runs = Runs { seed: 1, reps, jobs: NonZeroUsize::new(jobs).unwrap(), logged: Logged::None };
        let started = std::time::Instant::now();
        println!("== {line}");
        runs.run::<RunError>(&scenario, |run| {
            println!("-- {:?}", started.elapsed());
            for column in COLUMNS {
                if let Some(n) = column.of(&run.tally, &scenario).number() && n != 0.0 { println!("{:28} {n}", column.name) }
            }
            Ok(())
        }).unwrap();
    }
}
