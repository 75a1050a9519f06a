<?php

declare(strict_types=1);

namespace Bench;

/** The few statistics that the report uses: order statistics, which one disturbed round cannot move far. */
final class Statistics
{
    /** @param non-empty-list<float|int> $samples */
    public static function median(array $samples): float
    {
        return self::percentile($samples, 50);
    }

    /**
     * Between two samples it interpolates.
     *
     * @param non-empty-list<float|int> $samples
     */
    public static function percentile(array $samples, float $percent): float
    {
        sort($samples);
        $position = ($percent / 100) * (count($samples) - 1);
        $below = (int) floor($position);
        $above = min($below + 1, count($samples) - 1);
        return $samples[$below] + ($samples[$above] - $samples[$below]) * ($position - $below);
    }

    /** Three significant digits at most, never in powers of ten. */
    public static function readable(float $value): string
    {
        return match (true) {
            abs($value) >= 1000 => number_format($value, 0, '.', ' '),
            abs($value) >= 100 => number_format($value, 0),
            abs($value) >= 10 => number_format($value, 1),
            default => number_format($value, 2),
        };
    }
}
