<?php
/** Redis servers of which one takes another's place. */

declare(strict_types=1);

final class Standby
{
    /** @param list<RedisServer> $servers those that run */
    private function __construct(public readonly string $url, private readonly string $prefix, private array $servers)
    {
    }

    /** A master and its replica, watched by three Sentinels. */
    public static function sentinel(Sandbox $sandbox): self
    {
        if (!is_executable('/usr/bin/redis-sentinel')) {
            missing_package('redis-sentinel');
        }
        $master = new RedisServer($sandbox, name: 'redis-0');
        $replica = new RedisServer($sandbox, ['--replicaof', '127.0.0.1', (string) $master->port], 'redis-1');
        $hosts = [];
        for ($i = 0; $i < 3; $i++) {
            $port = free_port();
            $directory = $sandbox->directory("sentinel-$i", 0755, worker_user());
            file_put_contents("$directory/sentinel.conf", "port $port\nbind 127.0.0.1\ndir $directory\n"
                . "sentinel monitor shop 127.0.0.1 $master->port 2\nsentinel down-after-milliseconds shop 700\n"
                . "sentinel failover-timeout shop 4000\n");
            chown("$directory/sentinel.conf", worker_user());
            $sandbox->start("sentinel-$i", ['redis-sentinel', "$directory/sentinel.conf"], user: worker_user());
            $hosts[] = "127.0.0.1:$port";
        }
        wait_until('the Sentinels know each other and the replica', fn () => array_filter($hosts, function (string $host) {
            $ask = fn (string $what) => Process::run(['sh', '-c', "redis-cli -p " . explode(':', $host)[1] . " sentinel $what shop 2>&1 || true"]);
            return substr_count($ask('sentinels'), 'runid') < 2 || substr_count($ask('replicas'), 'runid') < 1;
        }) === [], 40);
        wait_until('the replica is in step', fn () => str_contains($replica->execute('INFO', 'replication'), 'master_link_status:up'));
        return new self('redis+sentinel://' . implode(',', $hosts) . '/shop', 'PHPREDIS_SESSION:', [$master, $replica]);
    }

    /** Three masters, each with a replica. */
    public static function cluster(Sandbox $sandbox): self
    {
        $servers = [];
        for ($i = 0; $i < 6; $i++) {
            $servers[] = new RedisServer($sandbox, ['--cluster-enabled', 'yes', '--cluster-node-timeout', '1000',
                '--cluster-port', (string) free_port()], "redis-$i");
        }
        $hosts = array_map(fn (RedisServer $server) => "127.0.0.1:$server->port", $servers);
        Process::run(['redis-cli', '--cluster', 'create', ...$hosts, '--cluster-replicas', '1', '--cluster-yes']);
        wait_until('the cluster is ready', fn () => array_filter($servers, fn (RedisServer $server) =>
            !str_contains($server->execute('CLUSTER', 'INFO'), 'cluster_state:ok')
            || preg_match('/master_link_status:up|connected_slaves:1/', $server->execute('INFO', 'replication')) !== 1) === [], 40);
        return new self("redis+cluster://$hosts[0],$hosts[3]", 'PHPREDIS_CLUSTER_SESSION:', $servers);
    }

    /** Kills the master that has a session, as soon as its replica has what it has. */
    public function kill_master_of(string $session): void
    {
        $key = $this->prefix . $session;
        $holds = fn (RedisServer $server) => str_contains($server->execute('KEYS', '*'), $key);
        $role = fn (RedisServer $server, string $role) => str_contains($server->execute('INFO', 'replication'), "role:$role");
        [$master] = array_values(array_filter($this->servers, fn ($server) => $role($server, 'master') && $holds($server)));
        $offset = fn (RedisServer $server, string $name) =>
            (int) preg_replace("/.*^$name:(\d+).*/ms", '$1', $server->execute('INFO', 'replication'));
        $written = $offset($master, 'master_repl_offset');
        $link = "master_port:$master->port\r";
        [$replica] = array_values(array_filter($this->servers, fn ($server) => str_contains($server->execute('INFO', 'replication'), $link)));
        wait_until('the replica has it too', fn () => $offset($replica, 'slave_repl_offset') >= $written);
        $master->kill();
        $this->servers = array_values(array_filter($this->servers, fn (RedisServer $server) => $server !== $master));
    }

    /** What the masters have of a session. */
    public function payload(string $session): string
    {
        $masters = array_filter($this->servers, fn (RedisServer $server) =>
            str_contains($server->execute('INFO', 'replication'), 'role:master'));
        $answers = array_map(fn (RedisServer $server) => $server->execute('GET', $this->prefix . $session), $masters);
        return implode('', preg_grep('/^MOVED |^CLUSTERDOWN /', $answers, PREG_GREP_INVERT));
    }
}

/**
 * Runs a test with each kind.
 *
 * @param callable(Sandbox, Standby): void $body
 */
function test_standby(string $name, callable $body): void
{
    test("Redis Sentinel: $name", fn (Sandbox $sandbox) => $body($sandbox, Standby::sentinel($sandbox)));
    test("Redis Cluster: $name", fn (Sandbox $sandbox) => $body($sandbox, Standby::cluster($sandbox)));
}
