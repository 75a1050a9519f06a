<?php

declare(strict_types=1);

namespace Bench;

/**
 * The part of the report on the `servers` suite: a row for each handler, since there are many of them, and the goals below it.
 */
final class ServerTable
{
    /**
     * @param list<Peer> $peers
     * @param list<array<string, mixed>> $goals
     */
    public function __construct(private readonly Results $results, private readonly array $peers, private readonly array $goals)
    {
    }

    /** Whether a row of the results is shown here, and so not in the other table. */
    public static function shows(string $row): bool
    {
        return str_starts_with($row, 'servers.') || str_starts_with($row, 'distance.');
    }

    /** Markdown, or nothing when the suite was not run. */
    public function render(): string
    {
        $three = implode(' / ', Cycles::CASES);
        $head = [
            ...array_map(static fn (string $case) => "unix socket, $case, µs", Cycles::CASES),
            ...array_map(static fn (string $case) => "TCP, $case, µs", Cycles::CASES),
            "round trips, $three",
            "bytes both ways, $three",
            ...array_map(static fn (string $case) => "TCP and 1 ms more, $case, ms", Cycles::CASES),
        ];
        $rows = [];
        foreach ($this->handlers() as $handler => $peers) {
            $rows[$handler] = [
                ...$this->each('servers.%s.1024.1', $peers['unix'] ?? null),
                ...$this->each('servers.%s.1024.1', $peers['tcp'] ?? null),
                implode(' / ', $this->each('distance.trips.%s', $peers['tcp'] ?? null, true)),
                implode(' / ', $this->each('distance.bytes.%s', $peers['tcp'] ?? null, true)),
                ...$this->each('distance.ms.%s', $peers['tcp'] ?? null),
            ];
        }
        // A column that nobody was measured for says nothing.
        $used = array_filter($head, static fn (int $column) => preg_grep('/\d/', array_column($rows, $column)) !== [], ARRAY_FILTER_USE_KEY);
        $rows = array_map(static fn (array $cells) => array_intersect_key($cells, $used), $rows);
        return (new HandlerTable($this->results, $this->peers, $this->goals))
            ->render('On servers', 'sessions of 1 KiB, one process', $used, $rows, ['servers', 'distance']);
    }

    /** @return list<string> how it was measured, in sentences; nothing when it was not */
    public static function method(Results $results): array
    {
        if ($results->roundTrip === null) {
            return [];
        }
        return [
            sprintf(
                'Servers: 1 ms more is %s ms each way in a proxy beside the server. An empty round trip through it takes %.2f ms, so '
                    . 'that %.2f ms of each are its own cost and the loopback\'s.',
                Distance::EACH_WAY * 1000,
                $results->roundTrip * 1000,
                ($results->roundTrip - 2 * Distance::EACH_WAY) * 1000,
            ),
            'Round trips are counted in the proxy, as the times the server speaks after the client, and one for TCP\'s handshake where a '
                . 'request connects; bytes are those of the TCP streams, without headers of the network.',
            'One host is `rustdb.multi_host=off`.',
            'Rustdb looks for an answer for up to 200 µs before it sleeps until it comes, while nobody else wants the processor; with '
                . '`rustdb.busy_poll=0` it sleeps at once, as the other handlers do.',
            'ProcessWire (its statements alone) and Illuminate use the connection that the application has anyway: persistent, open all the time, and what opening or checking it costs is not counted.',
            'Symfony, in its default mode (a row lock in a transaction), has a connection of its own, opened for each request as with a DSN in its configuration; the same is measured with a persistent one that stays open.',
            'Illuminate does not lock, and prepares each statement on the server, as its connector asks.',
            'MariaDB keeps its data on tmpfs, without a binary log and with `innodb_flush_log_at_trx_commit=0`.',
        ];
    }

    /** @return array<string, array<string, Peer>> what was measured, by handler and kind of connection */
    private function handlers(): array
    {
        $handlers = [];
        foreach ($this->peers as $peer) {
            foreach ($peer->handler === null ? [] : ['servers.%s.1024.1', 'distance.ms.%s'] as $row) {
                if ($this->results->value(sprintf($row, Cycles::CASES[0]), $peer->name) !== null) {
                    $handlers[$peer->handler][$peer->link] = $peer;
                }
            }
        }
        return $handlers;
    }

    /** @return list<string> the values of the three cases */
    private function each(string $row, ?Peer $peer, bool $counted = false): array
    {
        return array_map(function (string $case) use ($row, $peer, $counted): string {
            $value = $peer === null ? null : $this->results->value(sprintf($row, $case), $peer->name);
            return match (true) {
                $value === null => '–',
                // Counts are whole but for what a background thread says now and then.
                $counted => number_format($value, abs($value - round($value)) < 0.05 || $value >= 100 ? 0 : 1, '.', ' '),
                default => Statistics::readable($value),
            };
        }, Cycles::CASES);
    }
}
