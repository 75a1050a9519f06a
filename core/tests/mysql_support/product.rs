//! Which server the tests run on: the MariaDB that is installed, or MySQL, whose program the variable `MYSQL_SERVER`
//! names as `scripts/other-server mysqld` prints it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::{is_root, said};

/// A server program.
#[derive(Clone)]
pub enum Product {
    /// The one of the package mariadb-server.
    Mariadb,
    /// This one, which has an empty data directory beside the directory that it is in.
    Mysql(PathBuf),
}

fn program(names: &[&str]) -> String {
    let places = ["/usr/sbin", "/usr/bin", "/usr/local/bin"];
    let mut paths = names.iter().flat_map(|name| places.map(|place| format!("{place}/{name}")));
    let found = paths.find(|path| Path::new(path).exists());
    found.unwrap_or_else(|| panic!("{} is missing; install the package mariadb-server", names[0]))
}

impl Product {
    /// What the tests run on.
    pub fn chosen() -> Product {
        std::env::var_os("MYSQL_SERVER").map_or(Product::Mariadb, |path| Product::Mysql(path.into()))
    }

    /// MySQL, fetched if it is not there.
    pub fn mysql() -> Product {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/other-server");
        let fetched = Command::new(script).arg("mysqld").stdin(Stdio::null()).output().unwrap();
        assert!(fetched.status.success(), "there is no MySQL to test with: {}", said(&fetched));
        Product::Mysql(String::from_utf8(fetched.stdout).unwrap().trim().into())
    }

    /// The files of a new server.
    pub(super) fn prepare(&self) -> TempDir {
        let directory = tempfile::Builder::new().prefix("rustdb-mysql-").tempdir().unwrap();
        // A server that starts deletes what looks like temporary tables left behind, also those of another server.
        std::fs::create_dir(directory.path().join("tmp")).unwrap();
        let data = directory.path().join("data");
        let mut install = match self {
            Product::Mariadb => {
                let mut install = Command::new(program(&["mariadb-install-db", "mysql_install_db"]));
                install
                    .args(["--no-defaults", "--auth-root-authentication-method=normal"])
                    .args(["--skip-test-db", "--skip-name-resolve"])
                    .arg(format!("--tmpdir={}", directory.path().display()))
                    .arg(format!("--datadir={}", data.display()));
                if is_root() {
                    install.arg("--user=root");
                }
                install
            }
            Product::Mysql(path) => {
                let mut copy = Command::new("cp");
                copy.arg("-r").arg(path.parent().unwrap().with_file_name("data")).arg(&data);
                copy
            }
        };
        let installed = install.env("TMPDIR", directory.path().join("tmp")).output().unwrap();
        assert!(installed.status.success(), "{}", said(&installed));
        directory
    }

    /// Starts a server on its files.
    pub(super) fn spawn(&self, directory: &TempDir, port: u16, options: &[String]) -> Child {
        let place = |name: &str| directory.path().join(name).display().to_string();
        let log = std::fs::File::options().create(true).append(true).open(directory.path().join("log")).unwrap();
        let mut command = match self {
            Product::Mariadb => {
                let mut command = Command::new(program(&["mariadbd", "mysqld"]));
                command.arg("--no-defaults");
                command
            }
            Product::Mysql(path) => {
                let mut command = Command::new(path);
                // Its second protocol would listen at a port of its own; nobody replicates here.
                command.args(["--mysqlx=OFF", "--skip-log-bin"]);
                command
            }
        };
        command
            .env("TMPDIR", place("tmp"))
            .arg(format!("--tmpdir={}", place("")))
            .arg(format!("--datadir={}", place("data")))
            .arg(format!("--socket={}", place("socket")))
            .arg(format!("--pid-file={}", place("pid")))
            .arg(format!("--port={port}"))
            .args(["--bind-address=127.0.0.1", "--skip-name-resolve", "--performance-schema=OFF"])
            .args(["--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=32M"])
            .args(options)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        if is_root() {
            command.arg("--user=root");
        }
        command.spawn().unwrap()
    }
}
