<?php

// Passes the bytes of TCP connections on, each piece a fixed time after it came, and counts them.
//   proxy.php LISTEN_PORT SERVER_PORT NANOSECONDS_EACH_WAY
// A line on stdin asks for the counters; they are answered as one line of JSON. The end of stdin ends the proxy.

declare(strict_types=1);

/** One connection of a client's and the one to the server that belongs to it. */
final class Passage
{
    /** @var array<int, resource> the client's socket and the server's */
    public readonly array $sockets;
    /** @var array{list<array{int, string}>, list<array{int, string}>} what waits for its time, by the side it came from */
    private array $waiting = [[], []];
    /** The side that spoke last; opening the connection was the client's word. */
    private int $last = 0;

    /**
     * @param resource $client
     * @param resource $server
     * @param int $opened hrtime at which the client asked for the connection
     * @param int $delay ns each way
     */
    public function __construct(mixed $client, mixed $server, private readonly int $opened, private readonly int $delay)
    {
        $this->sockets = [$client, $server];
        foreach ($this->sockets as $socket) {
            stream_set_blocking($socket, false);
            stream_set_read_buffer($socket, 0);
            stream_set_chunk_size($socket, 1 << 16);
        }
    }

    /**
     * Takes what one side has sent. A round trip ends where the server speaks after the client.
     *
     * @param array{trips: int, bytes: int} $counters
     * @return bool whether that side is still there
     */
    public function take(int $side, array &$counters): bool
    {
        $data = fread($this->sockets[$side], 1 << 16);
        if ($data === '' || $data === false) {
            return !feof($this->sockets[$side]);
        }
        // TCP's handshake was not delayed. At that distance the client would learn after one round trip that it is connected, and
        // the server, for which MySQL's clients wait, half a round trip later.
        $this->waiting[$side][] = [max(hrtime(true) + $this->delay, $this->opened + (3 + $side) * $this->delay), $data];
        $counters['bytes'] += strlen($data);
        $counters['trips'] += (int) ($side === 1 && $this->last === 0);
        $this->last = $side;
        return true;
    }

    /** Passes on what is due; returns when the next piece is, or null. */
    public function pass(): ?int
    {
        $next = null;
        foreach ($this->waiting as $side => &$queue) {
            while ($queue !== [] && $queue[0][0] <= hrtime(true)) {
                $to = $this->sockets[1 - $side];
                $data = array_shift($queue)[1];
                // The other side may be slow; order matters more here than anybody else's delay.
                stream_set_blocking($to, true);
                @fwrite($to, $data);
                stream_set_blocking($to, false);
            }
            if ($queue !== []) {
                $next = min($next ?? PHP_INT_MAX, $queue[0][0]);
            }
        }
        return $next;
    }

    public function close(): void
    {
        array_map(fclose(...), $this->sockets);
    }
}

[, $port, $serverPort, $delay] = array_map(intval(...), $argv);
// The kernel may otherwise wake a sleeper 50 µs late, to save power.
@file_put_contents('/proc/self/timerslack_ns', '1');
$context = stream_context_create(['socket' => ['tcp_nodelay' => true]]);
$listener = stream_socket_server("tcp://127.0.0.1:$port", $code, $message, STREAM_SERVER_BIND | STREAM_SERVER_LISTEN, $context);
if ($listener === false) {
    fwrite(STDERR, "$message\n");
    exit(1);
}
$counters = ['trips' => 0, 'bytes' => 0];
/** @var array<int, Passage> $passages */
$passages = [];
$next = null;
while (true) {
    $ready = [$listener, STDIN];
    $owners = [];
    foreach ($passages as $number => $passage) {
        foreach ($passage->sockets as $side => $socket) {
            $ready[] = $socket;
            $owners[(int) $socket] = [$number, $side];
        }
    }
    $none = null;
    $wait = $next === null ? null : max(0, intdiv($next - hrtime(true) + 999, 1000));
    if (stream_select($ready, $none, $none, $wait === null ? null : 0, $wait) === false) {
        exit(1);
    }
    $asked = false;
    foreach ($ready as $socket) {
        if ($socket === $listener) {
            $client = stream_socket_accept($listener, 0);
            $server = stream_socket_client("tcp://127.0.0.1:$serverPort", $code, $message, 5, STREAM_CLIENT_CONNECT, $context);
            $passages[] = new Passage($client, $server, hrtime(true), $delay);
            $counters['trips']++;
        } elseif ($socket === STDIN) {
            $asked = true;
        } elseif (isset($passages[$owners[(int) $socket][0]])) {
            [$number, $side] = $owners[(int) $socket];
            if (!$passages[$number]->take($side, $counters)) {
                $passages[$number]->close();
                unset($passages[$number]);
            }
        }
    }
    $next = null;
    foreach ($passages as $passage) {
        $due = $passage->pass();
        $next = $due === null ? $next : min($next ?? PHP_INT_MAX, $due);
    }
    if ($asked) {
        if (fgets(STDIN) === false) {
            exit(0);
        }
        fwrite(STDOUT, json_encode($counters) . "\n");
    }
}
