<?php
/** A private MariaDB on a Unix socket, with one user and one table to look at. */

declare(strict_types=1);

const DATABASE_USER = 'shopkeeper';
const DATABASE_PASSWORD = 'open sesame';

/** Starts the server and returns the path of its socket. */
function start_mariadb(Sandbox $sandbox): string
{
    foreach (['mariadb-install-db' => 'mariadb-server', 'mariadbd' => 'mariadb-server', 'mariadb' => 'mariadb-client'] as $binary => $package) {
        if (!is_executable("/usr/bin/$binary") && !is_executable("/usr/sbin/$binary")) {
            missing_package($package);
        }
    }
    $data = $sandbox->directory('mariadb', 0700, worker_user());
    $socket = "$data/mariadb.sock";
    // Small, and without waiting for the disk: nothing here outlives the test.
    $options = ["--datadir=$data", '--innodb-buffer-pool-size=16M', '--innodb-log-file-size=8M', '--innodb-flush-log-at-trx-commit=0', '--skip-log-bin'];
    Process::run(['mariadb-install-db', '--no-defaults', '--auth-root-authentication-method=normal', '--skip-test-db', ...$options], user: worker_user());
    $process = $sandbox->start('mariadb', ['/usr/sbin/mariadbd', '--no-defaults', "--socket=$socket", "--pid-file=$data/pid", '--skip-networking',
        '--performance-schema=OFF', ...$options], user: worker_user());
    wait_until('MariaDB listens', function () use ($process, $socket) {
        check($process->running(), 'MariaDB ended: ' . file_get_contents($process->output));
        return @stream_socket_client("unix://$socket", timeout: 1);
    }, 60);
    $user = "'" . DATABASE_USER . "'@'localhost'";
    Process::run(['mariadb', '--no-defaults', "--socket=$socket", '--user=root', '-e', "
        CREATE DATABASE shop;
        CREATE TABLE shop.goods (id INT PRIMARY KEY, name VARCHAR(50) NOT NULL, price DECIMAL(8,2) NOT NULL);
        INSERT INTO shop.goods VALUES (1, 'Walnut table', 480.00), (2, 'Oak chair', 125.50), (3, 'Brass lamp', 89.90);
        CREATE USER $user IDENTIFIED BY '" . DATABASE_PASSWORD . "';
        GRANT ALL ON shop.* TO $user;"]);
    return $socket;
}
