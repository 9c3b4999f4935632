use std::num::NonZeroUsize;
use interlock_sim::cascade::*;

#[test]
fn probe() {
    for shipped in SHIPPED {
        let scenario = shipped.read(&[]).unwrap();
        let runs = Runs { seed: 1, reps: 1, jobs: NonZeroUsize::new(1).unwrap(), logged: Logged::First };
        let started = std::time::Instant::now();
        runs.run::<RunError>(&scenario, |run| {
            println!("== {} {:?}", shipped.name, started.elapsed());
            for column in COLUMNS { println!("{:28} {:?}", column.name, column.of(&run.tally, &scenario)); }
            let log = run.log.unwrap();
            println!("{}", log.text.lines().take(12).collect::<Vec<_>>().join("\n"));
            Ok(())
        }).unwrap();
    }
}
