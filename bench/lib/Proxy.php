<?php

declare(strict_types=1);

namespace Bench;

/**
 * A server far away: a process (worker/proxy.php) between the clients and a server on this machine, which delays what they send and
 * counts it. Its own cost is part of the delay that `roundTrip` measures.
 */
final class Proxy
{
    public readonly int $port;
    private readonly Process $process;

    /** @param float $delay seconds that each piece of data takes, each way */
    public function __construct(Php $php, Workspace $workspace, int $serverPort, float $delay)
    {
        $this->port = Servers::freePort();
        $script = dirname(__DIR__) . '/worker/proxy.php';
        $this->process = new Process(
            [$php->binary, '-n', $script, (string) $this->port, (string) $serverPort, (string) (int) round($delay * 1e9)],
            "{$workspace->tmpfs}/proxy-{$this->port}.log",
            Php::ENVIRONMENT,
        );
        $this->process->awaits(fn () => Servers::answers($this->port));
    }

    /** @return array{trips: int, bytes: int} since it was started: the times the server spoke after a client, with one for each connection, and bytes both ways */
    public function counters(): array
    {
        fwrite($this->process->stdin, "\n");
        $line = fgets($this->process->stdout);
        if ($line === false) {
            throw new \RuntimeException('the proxy ended: ' . $this->process->complaint());
        }
        return json_decode($line, true, flags: JSON_THROW_ON_ERROR);
    }

    public function stop(): void
    {
        $this->process->stop();
    }

    /** Seconds that a question and its answer take through a proxy, median: the delay both ways and what the proxy itself costs. */
    public static function roundTrip(Php $php, Workspace $workspace, float $delay): float
    {
        $listener = stream_socket_server('tcp://127.0.0.1:0');
        $server = (int) substr((string) strrchr(stream_socket_get_name($listener, false), ':'), 1);
        $proxy = new self($php, $workspace, $server, $delay);
        $context = stream_context_create(['socket' => ['tcp_nodelay' => true]]);
        $client = stream_socket_client("tcp://127.0.0.1:{$proxy->port}", $code, $message, 5, STREAM_CLIENT_CONNECT, $context);
        // The first connection was the one that found the proxy ready.
        stream_socket_accept($listener, 5);
        $answering = stream_socket_accept($listener, 5);
        $times = [];
        for ($turn = 0; $turn < 200; $turn++) {
            $begun = hrtime(true);
            fwrite($client, '?');
            fread($answering, 1);
            fwrite($answering, '!');
            fread($client, 1);
            $times[] = (hrtime(true) - $begun) / 1e9;
        }
        array_map(fclose(...), [$client, $answering, $listener]);
        $proxy->stop();
        return Statistics::median($times);
    }
}
