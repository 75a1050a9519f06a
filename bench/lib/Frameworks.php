<?php

declare(strict_types=1);

namespace Bench;

/**
 * The session handlers of frameworks, which are PHP classes over PDO, on the same MariaDB as rustdb's.
 *
 * ProcessWire and Illuminate use the connection that the application has anyway, so it is persistent and stays open here, and
 * opening it, or PDO's ping when a request takes it up, is not counted. Symfony's has one of its own: its users name the server,
 * and it connects for each request; with a persistent one that they hand over it is measured too.
 */
final class Frameworks
{
    /** A database for each, with the table `sessions` as its owner makes it; in one line, because MariaDB's init file wants it so. */
    public const TABLES = [
        'processwire' => 'CREATE TABLE sessions (id CHAR(32) NOT NULL, user_id INT UNSIGNED NOT NULL, pages_id INT UNSIGNED NOT NULL, '
            . 'data MEDIUMTEXT NOT NULL, ts TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, ip INT UNSIGNED NOT NULL DEFAULT 0, '
            . "ua VARCHAR(250) NOT NULL DEFAULT '', PRIMARY KEY (id), INDEX (pages_id), INDEX (user_id), INDEX (ts)) "
            . 'ENGINE=InnoDB DEFAULT CHARSET=utf8mb4',
        'symfony' => 'CREATE TABLE sessions (sess_id VARBINARY(128) NOT NULL PRIMARY KEY, sess_data BLOB NOT NULL, sess_lifetime INTEGER '
            . 'UNSIGNED NOT NULL, sess_time INTEGER UNSIGNED NOT NULL, INDEX EXPIRY (sess_lifetime)) COLLATE utf8mb4_bin, ENGINE = InnoDB',
        'illuminate' => 'CREATE TABLE sessions (id VARCHAR(255) NOT NULL PRIMARY KEY, user_id BIGINT UNSIGNED NULL, ip_address VARCHAR(45) '
            . 'NULL, user_agent TEXT NULL, payload LONGTEXT NOT NULL, last_activity INT NOT NULL, INDEX (user_id), INDEX (last_activity)) '
            . 'ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci',
    ];

    private const SYMFONY = ['Symfony/Component/HttpFoundation/autoload.php', ['php-symfony-http-foundation']];

    /** name: label, whether it locks, a file of it, the packages that bring it */
    private const CLASSES = [
        'processwire' => ["ProcessWire's statements, locking", true, null, []],
        'symfony' => ['Symfony PdoSessionHandler, locking', true, ...self::SYMFONY],
        'symfony-kept' => ['Symfony, connection kept, locking', true, ...self::SYMFONY],
        'illuminate' => [
            'Illuminate database handler, no lock',
            false,
            'Illuminate/Session/autoload.php',
            ['php-illuminate-session', 'php-illuminate-database'],
        ],
    ];

    /** @return list<Peer> */
    public static function available(Php $php, Servers $servers, Results $results): array
    {
        if ($servers->mariadbBinary === null || !$php->hasExtension('pdo_mysql')) {
            $results->notes[] = 'frameworks on MariaDB: not installed (Debian packages: mariadb-server, php-mysql)';
            return [];
        }
        $peers = [];
        foreach (self::CLASSES as $name => [$label, $locks, $file, $packages]) {
            if ($file !== null && stream_resolve_include_path($file) === false) {
                $results->notes[] = "$label: not installed (Debian packages: " . implode(', ', $packages) . ')';
                continue;
            }
            foreach (['unix' => 'unix socket', 'tcp' => 'TCP'] as $link => $word) {
                $peers[] = new Peer(
                    "$name-$link",
                    "$label, $word",
                    ['mysqlnd', 'pdo', 'pdo_mysql', 'ctype', 'mbstring', 'tokenizer'],
                    static fn (string $directory, ?int $port = null) => [
                        'bench.framework' => $name,
                        'bench.database' => strtok($name, '-'),
                    ] + ($link === 'unix' ? ['bench.socket' => $servers->mariadbSocket()] : ['bench.port' => $port ?? $servers->mariadbPort()]),
                    locks: $locks,
                    handler: $label,
                    link: $link,
                    port: $link === 'tcp' ? $servers->mariadbPort(...) : null,
                    suites: "$name-$link" === 'processwire-tcp' ? ['servers', 'processwire'] : ['servers'],
                );
            }
        }
        return $peers;
    }
}
