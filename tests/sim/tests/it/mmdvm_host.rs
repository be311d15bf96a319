//! The simulated host as a supervised child.

use std::path::Path;
use std::time::Duration;

use kernel::{Intensity, LaunchError, OperatorOutcome, Outcome, Supervision, SupervisorSpec, launch};
use stationd_sim::{MmdvmHostSettings, mmdvm_host};

/// Everything here takes milliseconds; a machine under load takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

const STARTS: &str = "MMDVMHost-20250607 is starting";
const GOES: &str = "MMDVMHost-20250607 exited on receipt of SIGTERM";

/// The past of the hosts here.
const PAST: Duration = Duration::from_secs(36 * 3600);

fn station(directory: &Path) -> Result<Supervision, LaunchError> {
    let settings = MmdvmHostSettings {
        directory: directory.to_owned(),
        file_root: "MMDVM".to_owned(),
        seed: 1,
        past: PAST,
    };
    let patience = Intensity {
        max_restarts: 0,
        period: PATIENCE,
    };
    let root = SupervisorSpec::new("root")
        .intensity(patience)
        .child(mmdvm_host(settings));
    launch(root)
}

/// Everything in the logs of `directory`, in the order of their names: a test may run at midnight.
fn written(directory: &Path) -> String {
    let mut logs: Vec<_> = directory
        .read_dir()
        .into_iter()
        .flatten()
        .flatten()
        .map(|file| file.path())
        .collect();
    logs.sort();
    logs.iter().flat_map(std::fs::read_to_string).collect()
}

#[tokio::test]
async fn host_logs_from_its_banner_to_its_farewell_and_again_after_a_restart() {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("log");
    let supervision = station(&directory).unwrap();
    tokio::time::timeout(PATIENCE, supervision.booted())
        .await
        .unwrap()
        .unwrap();
    let text = written(&directory);
    assert!(text.contains(STARTS) && !text.contains(GOES), "{text}");
    let calls = text.matches("end of voice transmission").count();
    assert!(calls > 100, "its past has {calls} calls");

    let again = supervision.restart(&"simulator".parse().unwrap()).await;
    assert_eq!(again, Ok(OperatorOutcome::Up { incarnation: 2 }));
    supervision.shutdown(PATIENCE).await;
    let text = written(&directory);
    let life: Vec<_> = text
        .lines()
        .filter_map(|line| [STARTS, GOES].into_iter().find(|words| line.ends_with(words)))
        .collect();
    assert_eq!(life, [STARTS, GOES, STARTS, GOES]);
    let more = text.matches("end of voice transmission").count() - calls;
    assert!(
        more < 10,
        "the past is written once, but {more} calls came with the restart"
    );
}

#[tokio::test]
async fn host_that_cannot_write_fails_and_says_why() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let supervision = station(&file.path().join("log")).unwrap();
    let outcome = tokio::time::timeout(PATIENCE, supervision.finished()).await.unwrap();
    let Outcome::GaveUp(reason) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(reason.to_string().contains("cannot write the log: "), "{reason}");
}
