<?php

declare(strict_types=1);

namespace Bench;

/**
 * A private nginx, and behind it one php-fpm master with four workers for each peer, each at an address of its own.
 */
final class WebServer
{
    public const WORKERS = 4;
    public readonly int $port;
    private readonly string $directory;
    private readonly string $nginx;
    private ?Process $process = null;
    /** @var array<string, Process> */
    private array $pools = [];

    /**
     * @param list<int> $phpOn the processors that php-fpm runs on
     * @param list<int> $nginxOn those of nginx
     */
    public function __construct(
        private readonly Php $php,
        private readonly Workspace $workspace,
        private readonly array $phpOn,
        private readonly array $nginxOn,
    ) {
        $this->nginx = (string) Process::find('nginx');
        $this->directory = $workspace->directory('tmpfs', 'web', true);
        if ($workspace->webUser !== null) {
            chmod($this->directory, 0755);
        }
        $this->port = Servers::freePort();
        // The checkout may lie where the web user cannot read it.
        copy(dirname(__DIR__) . '/worker/page.php', "{$this->directory}/page.php");
        chmod("{$this->directory}/page.php", 0644);
    }

    public function address(Peer $peer): string
    {
        return "http://127.0.0.1:{$this->port}/{$peer->name}";
    }

    public function startPool(Peer $peer): void
    {
        $base = "{$this->directory}/{$peer->name}";
        $storage = $peer->directory($this->workspace, 'fpm', true);
        $ini = $this->php->ini("$base.ini", $peer->extensions, [...($peer->settings)($storage), 'session.use_cookies' => 1], opcache: true);
        $asRoot = $this->workspace->webUser !== null;
        $user = $asRoot ? "user = {$this->workspace->webUser}\ngroup = {$this->workspace->webUser}\nlisten.owner = {$this->workspace->webUser}\n" : '';
        $workers = self::WORKERS;
        file_put_contents("$base.conf", <<<CONF
            [global]
            error_log = $base.fpm.log
            daemonize = no
            process_control_timeout = 5
            [{$peer->name}]
            {$user}listen = $base.sock
            pm = static
            pm.max_children = $workers
            catch_workers_output = yes
            CONF . "\n");
        $process = new Process([$this->php->fpm, '-F', '-c', $ini, '-y', "$base.conf"], "$base.stderr.log", Php::ENVIRONMENT, $this->phpOn);
        $process->awaits(static fn () => file_exists("$base.sock"));
        $this->pools[$peer->name] = $process;
    }

    /** Seconds that the processes of a pool have been on a processor, all their threads together. */
    public function processorTime(Peer $peer): float
    {
        $master = $this->pools[$peer->name]->id();
        $nanoseconds = 0;
        foreach (preg_split('/\s+/', file_get_contents("/proc/$master/task/$master/children"), -1, PREG_SPLIT_NO_EMPTY) as $worker) {
            foreach (glob("/proc/$worker/task/*/schedstat") as $thread) {
                // Unlike the ticks of `stat` it is exact.
                $nanoseconds += (int) file_get_contents($thread);
            }
        }
        return $nanoseconds / 1e9;
    }

    public function stopPool(Peer $peer): void
    {
        if (isset($this->pools[$peer->name])) {
            $this->pools[$peer->name]->stop();
            unset($this->pools[$peer->name]);
        }
    }

    /** Starts nginx in front of all pools started so far. */
    public function start(): void
    {
        $directory = $this->directory;
        $user = $this->workspace->webUser !== null ? "user {$this->workspace->webUser};" : '';
        $locations = '';
        foreach (array_keys($this->pools) as $name) {
            $locations .= <<<CONF
                        location = /$name {
                            fastcgi_pass unix:$directory/$name.sock;
                            fastcgi_param SCRIPT_FILENAME $directory/page.php;
                            fastcgi_param SCRIPT_NAME /page.php;
                            fastcgi_param REQUEST_METHOD \$request_method;
                            fastcgi_param QUERY_STRING \$query_string;
                            fastcgi_param REQUEST_URI \$request_uri;
                            fastcgi_param SERVER_PROTOCOL \$server_protocol;
                            fastcgi_param REMOTE_ADDR \$remote_addr;
                        }

                CONF;
        }
        file_put_contents("$directory/nginx.conf", <<<CONF
            $user
            daemon off;
            worker_processes 1;
            pid $directory/nginx.pid;
            error_log $directory/nginx.log;
            events { worker_connections 256; }
            http {
                access_log off;
                keepalive_requests 100000000;
                client_body_temp_path $directory/body;
                fastcgi_temp_path $directory/fastcgi;
                proxy_temp_path $directory/proxy;
                scgi_temp_path $directory/scgi;
                uwsgi_temp_path $directory/uwsgi;
                server {
                    listen 127.0.0.1:{$this->port};
            $locations
                }
            }
            CONF . "\n");
        $command = [$this->nginx, '-p', $directory, '-e', "$directory/nginx.log", '-c', "$directory/nginx.conf"];
        $this->process = new Process($command, "$directory/nginx.stderr.log", processors: $this->nginxOn);
        $this->process->awaits(fn () => Servers::answers($this->port));
    }

    public function stop(): void
    {
        $this->process?->stop();
        array_map(static fn (Process $pool) => $pool->stop(), $this->pools);
        $this->pools = [];
    }

    /**
     * One request; returns the body and the session cookie that was set, if any.
     *
     * @return array{string, ?string}
     */
    public function get(Peer $peer, string $query = '', ?string $session = null): array
    {
        $context = stream_context_create(['http' => [
            'header' => ['Connection: close', ...$session === null ? [] : ["Cookie: PHPSESSID=$session"]],
            'ignore_errors' => true,
            'timeout' => 30,
        ]]);
        $stream = fopen($this->address($peer) . $query, 'r', false, $context);
        $headers = stream_get_meta_data($stream)['wrapper_data'];
        $body = (string) stream_get_contents($stream);
        fclose($stream);
        if (!preg_match('~^HTTP/\S+ 200~', $headers[0])) {
            throw new \RuntimeException(trim("{$headers[0]} $body"));
        }
        $cookies = preg_filter('~^Set-Cookie: PHPSESSID=([^;]+).*~i', '$1', $headers);
        return [$body, $cookies === [] ? null : reset($cookies)];
    }
}
