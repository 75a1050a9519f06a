<?php

declare(strict_types=1);

namespace Bench;

/**
 * A part of the report with a row for each handler, because it measures much of few of them or little of many, and with its goals.
 */
final class HandlerTable
{
    /** Suites of which every row becomes a column: heading, and what is measured. */
    public const SUITES = [
        'processwire' => ['ProcessWire', 'an administrator who is logged in, 13 KiB'],
        'million' => ['Many sessions', '1 KiB, one process'],
    ];

    /**
     * @param list<Peer> $peers
     * @param list<array<string, mixed>> $goals
     */
    public function __construct(private readonly Results $results, private readonly array $peers, private readonly array $goals)
    {
    }

    /** Whether a row of the results is shown here, and so not in the other tables. */
    public static function shows(string $row): bool
    {
        return isset(self::SUITES[strtok($row, '.')]);
    }

    /** One of the suites as Markdown, or nothing when it was not run. */
    public function suite(string $suite): string
    {
        $columns = array_filter($this->results->rows, static fn (string $row) => strtok($row, '.') === $suite, ARRAY_FILTER_USE_KEY);
        $rows = [];
        foreach (array_filter($this->peers, static fn (Peer $peer) => in_array($suite, $peer->suites, true)) as $peer) {
            $values = array_map(fn (string $row) => $this->results->value($row, $peer->name), array_keys($columns));
            $failure = $this->results->failed[$suite][$peer->name] ?? null;
            if ($failure !== null || array_filter($values, is_float(...)) !== []) {
                $cells = array_map(static fn (?float $value) => $value === null ? '–' : Statistics::readable($value), $values);
                $rows[$peer->label] = $failure === null ? $cells : [$failure, ...array_slice($cells, 1)];
            }
        }
        $head = array_map(static fn (array $row) => rtrim("{$row['label']}, {$row['unit']}", ', '), array_values($columns));
        return $this->render(...self::SUITES[$suite], head: $head, rows: $rows, parts: [$suite]);
    }

    /**
     * @param list<string> $head
     * @param array<string, list<string>> $rows by handler
     * @param list<string> $parts what the rows of the goals to show begin with
     */
    public function render(string $title, string $corner, array $head, array $rows, array $parts): string
    {
        if ($rows === []) {
            return '';
        }
        $lines = ["## $title\n", "| $corner | " . implode(' | ', $head) . ' |', '|---|' . str_repeat('--:|', count($head))];
        foreach ($rows as $handler => $cells) {
            if (str_starts_with($handler, 'rustdb')) {
                $cells = array_map(static fn (string $cell) => "**$cell**", $cells);
            }
            $lines[] = "| $handler | " . implode(' | ', $cells) . ' |';
        }
        $goals = array_filter($this->goals, static fn (array $goal) => in_array(strtok($goal['row'], '.'), $parts, true));
        if ($goals !== []) {
            array_push($lines, '', '| goal | case | | reached | |', '|---|---|---|--:|---|');
        }
        $labels = array_column(array_map(static fn (Peer $peer) => [$peer->name, $peer->label], $this->peers), 1, 0);
        foreach ($goals as $goal) {
            $lines[] = sprintf(
                '| %s | %s | %s %s %s | %s | %s |',
                $labels[$goal['ours']],
                strtok($goal['label'], ','),
                $goal['relation'],
                $goal['limit'],
                $goal['base'] === null ? $this->results->rows[$goal['row']]['unit'] : "× {$labels[$goal['base']]}",
                Goals::reached($goal),
                $goal['met'] ? 'met' : '**not met**',
            );
        }
        return implode("\n", $lines);
    }
}
