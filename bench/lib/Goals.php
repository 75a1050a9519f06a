<?php

declare(strict_types=1);

namespace Bench;

/**
 * What rustdb has to reach, and whether it did in this run. A goal whose row or peers were not measured is not judged.
 */
final class Goals
{
    /** row, peer it is compared with (null: the value itself), at most or at least, limit */
    private const GOALS = [
        ['cli.unchanged.1024.1', 'files-disk', '≤', 0.6],
        ['cli.modified.1024.1', 'files-disk', '≤', 1.0],
        ['cli.new.1024.1', 'files-disk', '≤', 0.5],
        ['contention.median', null, '≤', 1.0],
        ['fpm.rps', 'files-disk', '≥', 1.0],
        ['fpm.rps', 'phpredis-unix-lock', '≥', 2.0],
        ['million.modified', 'files-disk', '≤', 0.5],
        ['million.collect', 'files-disk', '≤', 0.25],
    ];

    /** @return list<array{row: string, label: string, base: ?string, reached: float, relation: string, limit: float, met: bool}> */
    public static function judge(Results $results): array
    {
        $goals = [];
        foreach (self::GOALS as [$row, $base, $relation, $limit]) {
            $reached = $base === null ? $results->value($row, 'rustdb') : $results->ratio($row, 'rustdb', $base);
            if ($reached === null) {
                continue;
            }
            // Judged as it is printed.
            $reached = round($reached, 2);
            $goals[] = [
                'row' => $row,
                'label' => $results->rows[$row]['label'],
                'base' => $base,
                'reached' => $reached,
                'relation' => $relation,
                'limit' => $limit,
                'met' => $relation === '≤' ? $reached <= $limit : $reached >= $limit,
            ];
        }
        return $goals;
    }

    /** @param list<array<string, mixed>> $goals */
    public static function summary(array $goals): string
    {
        $lines = '';
        foreach ($goals as $goal) {
            $lines .= sprintf(
                "%s  %s: %.2f%s, goal %s %.2f\n",
                $goal['met'] ? 'met    ' : 'NOT MET',
                $goal['label'],
                $goal['reached'],
                $goal['base'] === null ? '' : " of {$goal['base']}",
                $goal['relation'],
                $goal['limit'],
            );
        }
        return $lines;
    }
}
