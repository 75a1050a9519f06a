<?php

declare(strict_types=1);

namespace Bench;

/**
 * The picture for the README: horizontal bars, readable in light and in dark mode. Colour says who (rustdb or somebody else),
 * shade says which case.
 */
final class Chart
{
    private const WIDTH = 920;
    private const MARGIN = 28;
    private const LABEL = 232;
    private string $body = '';

    /** @var list<Peer> */
    private readonly array $peers;

    /** @param list<Peer> $peers */
    public function __construct(private readonly Results $results, array $peers)
    {
        // A setting beside its default is for the tables.
        $this->peers = array_values(array_filter($peers, static fn (Peer $peer) => !str_ends_with($peer->name, '-sleeping')));
    }

    public function render(): string
    {
        $y = 44;
        $this->text(self::MARGIN, $y, 'rustdb beside PHP’s other session handlers', 'title');
        $machine = $this->results->machine;
        $y += 20;
        $this->text(self::MARGIN, $y, "One run on one machine: {$machine['processor']}, {$machine['processors']} processors, PHP {$machine['php']}, {$machine['disk']}", 'quiet');
        $y += 26;

        $cases = ['unchanged' => 'cli.unchanged.1024.1', 'modified' => 'cli.modified.1024.1', 'new' => 'cli.new.1024.1'];
        $y = $this->panel(self::MARGIN, $y, self::WIDTH - 2 * self::MARGIN, 'What a session costs each request',
            'µs to start and close a session of 1 KiB, one process · logarithmic, shorter is better', $cases, true);

        $half = intdiv(self::WIDTH - 3 * self::MARGIN, 2);
        $right = 2 * self::MARGIN + $half;
        $y = max(
            $this->panel(self::MARGIN, $y, $half, 'A waiting request gets its session', 'ms from release, median · logarithmic, shorter is better', ['' => 'contention.median'], true),
            $this->panel($right, $y, $half, 'php-fpm behind nginx', 'requests a second, php-fpm on one processor · longer is better', ['' => 'fpm.rps'], false),
        );
        $sessions = (int) $this->results->settings['sessions'];
        $memory = ['plenty' => 'million.modified'];
        foreach (Million::memory($sessions) as $kib => $gib) {
            $memory[$gib] = "million.modified.$kib";
        }
        $y = $this->panel(self::MARGIN, $y, self::WIDTH - 2 * self::MARGIN, 'Among ' . number_format($sessions, 0, '.', ' ') . ' sessions',
            'µs to modify one at random, by the memory that there is for them · shorter is better', $memory, false);
        $y = $this->panel(self::MARGIN, $y, self::WIDTH - 2 * self::MARGIN, 'Garbage collection',
            'seconds to collect a tenth of them · shorter is better', ['' => 'million.collect'], false);
        $far = array_combine(Cycles::CASES, array_map(static fn (string $case) => "distance.ms.$case", Cycles::CASES));
        $y = $this->panel(self::MARGIN, $y, self::WIDTH - 2 * self::MARGIN, 'On a server one millisecond away',
            'ms to start and close a session of 1 KiB, one process, TCP · shorter is better', $far, false,
            static fn (Peer $peer) => $peer->handler);
        return $this->document($y + 4);
    }

    /**
     * One group of bars; draws nothing when nothing was measured. Returns where the next panel begins.
     *
     * @param array<string, string> $series rows of the results by the name of the case
     * @param (\Closure(Peer): string)|null $name what a peer is called, if not by its label
     */
    private function panel(int $x, int $y, int $width, string $title, string $subtitle, array $series, bool $logarithmic, ?\Closure $name = null): int
    {
        $groups = [];
        foreach ($this->peers as $peer) {
            $values = array_filter(array_map(fn (string $row) => $this->results->value($row, $peer->name), $series), static fn (?float $value) => $value !== null);
            if ($values !== []) {
                $groups[] = [$peer, $values];
            }
        }
        if ($groups === []) {
            return $y;
        }
        $all = array_merge(...array_map(static fn (array $group) => array_values($group[1]), $groups));
        $most = max($all);
        // A logarithmic axis has no zero: it begins a little below the smallest value, so that every bar can be seen.
        $least = $logarithmic ? min($all) / 2 : 0.0;
        $name ??= static fn (Peer $peer) => $peer->label;
        $label = $width > 500 ? self::LABEL : 190;
        $room = $width - $label - 58;
        $length = static fn (float $value) => max(2.0, $logarithmic
            ? $room * log($value / $least) / log($most / $least)
            : $room * $value / $most);

        $y += 16;
        $this->text($x, $y, $title, 'heading');
        $y += 17;
        $this->text($x, $y, $subtitle, 'quiet');
        if (count($series) > 1) {
            $this->legend($x + $width, $y - 8, array_keys($series));
        }
        $y += 14;
        $thick = count($series) > 1 ? 9 : 14;
        foreach ($groups as [$peer, $values]) {
            $height = count($values) * ($thick + 2);
            $ours = str_starts_with($peer->name, 'rustdb');
            $who = $ours ? 'ours' : ($peer->floor ? 'floor' : 'other');
            $this->text($x + $label - 10, $y + $height / 2 + 3, $name($peer), $ours ? 'name strong' : 'name');
            foreach ($values as $case => $value) {
                $shade = array_search($case, array_keys($series), true);
                $bar = round($length($value), 1);
                $this->body .= sprintf('<rect class="%s shade%d" x="%d" y="%d" width="%s" height="%d" rx="2"/>', $who, $shade, $x + $label, $y, $bar, $thick) . "\n";
                $this->text($x + $label + $bar + 5, $y + $thick - ($thick > 10 ? 3 : 1), Statistics::readable($value), $ours ? 'value strong' : 'value');
                $y += $thick + 2;
            }
            $y += count($series) > 1 ? 9 : 6;
        }
        return $y + 22;
    }

    /** @param list<string> $names */
    private function legend(int $right, int $y, array $names): void
    {
        $x = $right - 92 * count($names) + 20;
        foreach ($names as $shade => $name) {
            $this->body .= sprintf('<rect class="other shade%d" x="%d" y="%d" width="10" height="10" rx="2"/>', $shade, $x, $y) . "\n";
            $this->text($x + 15, $y + 9, $name, 'quiet');
            $x += 92;
        }
    }

    private function text(float $x, float $y, string $text, string $class): void
    {
        $this->body .= sprintf('<text class="%s" x="%s" y="%s">%s</text>', $class, round($x, 1), round($y, 1), htmlspecialchars($text, ENT_XML1)) . "\n";
    }

    private function document(int $height): string
    {
        $width = self::WIDTH;
        return <<<SVG
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 $width $height" width="$width" height="$height" role="img" aria-label="rustdb compared with other PHP session handlers">
            <style>
            .page { fill: #ffffff; stroke: #d8dee4; }
            text { font: 12px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2328; }
            .title { font-size: 20px; font-weight: 600; }
            .heading { font-size: 14px; font-weight: 600; }
            .quiet { fill: #59636e; font-size: 11.5px; }
            .name { text-anchor: end; }
            .value { font-size: 10.5px; fill: #59636e; }
            .strong { font-weight: 700; fill: #b7410e; }
            .ours { fill: #d9622b; } .other { fill: #6b87a8; } .floor { fill: #a9b1ba; }
            .shade1 { opacity: .74; } .shade2 { opacity: .5; }
            @media (prefers-color-scheme: dark) {
            .page { fill: #0d1117; stroke: #30363d; }
            text { fill: #e6edf3; }
            .quiet, .value { fill: #9198a1; }
            .strong { fill: #ff9a5c; }
            .ours { fill: #f0803c; } .other { fill: #6f93bd; } .floor { fill: #6e7681; }
            }
            </style>
            <rect class="page" x="0.5" y="0.5" width="{$this->inner($width)}" height="{$this->inner($height)}" rx="10"/>
            {$this->body}</svg>

            SVG;
    }

    private function inner(int $side): int
    {
        return $side - 1;
    }
}
