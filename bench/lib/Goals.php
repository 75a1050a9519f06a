<?php

declare(strict_types=1);

namespace Bench;

/**
 * What rustdb has to reach, and whether it did in this run. A goal whose row or peers were not measured is not judged.
 */
final class Goals
{
    /** row, ours, peer it is compared with (null: the value itself), at most or at least, limit */
    private const GOALS = [
        ['cli.unchanged.1024.1', 'rustdb', 'files-disk', '≤', 0.6],
        ['cli.modified.1024.1', 'rustdb', 'files-disk', '≤', 1.0],
        ['cli.new.1024.1', 'rustdb', 'files-disk', '≤', 0.5],
        ['contention.median', 'rustdb', null, '≤', 1.0],
        ['fpm.rps', 'rustdb', 'files-disk', '≥', 1.0],
        ['fpm.rps', 'rustdb', 'phpredis-unix-lock', '≥', 2.0],
        ['million.modified', 'rustdb', 'files-disk', '≤', 0.5],
        ['million.modified', 'rustdb-large', 'files-disk', '≤', 0.5],
        ['million.modified.3', 'rustdb', 'files-disk', '≤', 0.5],
        ['million.modified.2', 'rustdb', 'files-disk', '≤', 0.5],
        ['million.collect', 'rustdb', 'files-disk', '≤', 0.25],
        ['million.collect', 'rustdb-large', 'files-disk', '≤', 0.25],
        ['processwire.view.written', 'rustdb', null, '≤', 0],
        ['processwire.view.written', 'rustdb-mysql-tcp', null, '≤', 0],
        ['processwire.view.written', 'rustdb-mysql-tcp-theirs', null, '≤', 0],
    ];

    /** The same by unix socket and by TCP: case, ours, peer it is compared with, limit (at most) */
    private const ON_SERVERS = [
        ['unchanged', 'rustdb-redis-%s', 'phpredis-%s-lock', 0.55],
        ['modified', 'rustdb-redis-%s', 'phpredis-%s-lock', 0.55],
        ['new', 'rustdb-redis-%s', 'phpredis-%s-lock', 0.55],
        ['unchanged', 'rustdb-redis-%s', 'phpredis-%s-nolock', 1.1],
        ['modified', 'rustdb-redis-%s', 'phpredis-%s-nolock', 1.1],
        ['new', 'rustdb-redis-%s', 'phpredis-%s-nolock', 1.1],
        ['unchanged', 'rustdb-redis-%s-one', 'phpredis-%s-lock', 0.05],
        ['unchanged', 'rustdb-mysql-%s-one', 'phpredis-%s-lock', 0.05],
        ['modified', 'rustdb-mysql-%s', 'processwire-%s', 0.7],
        ['modified', 'rustdb-mysql-%s', 'symfony-%s', 0.25],
        ['modified', 'rustdb-mysql-%s', 'symfony-kept-%s', 0.25],
    ];

    /** @return list<array{row: string, label: string, ours: string, base: ?string, reached: float, spread: ?array{float, float}, relation: string, limit: float, met: bool}> */
    public static function judge(Results $results): array
    {
        $goals = [];
        foreach (self::all() as [$row, $ours, $base, $relation, $limit]) {
            $reached = $base === null ? $results->value($row, $ours) : $results->ratio($row, $ours, $base);
            if ($reached === null) {
                continue;
            }
            // Judged as it is printed.
            $reached = round($reached, 2);
            $goals[] = [
                'row' => $row,
                'label' => $results->rows[$row]['label'],
                'ours' => $ours,
                'base' => $base,
                'reached' => $reached,
                'spread' => self::spread($base === null ? [] : $results->ratios($row, $ours, $base)),
                'relation' => $relation,
                'limit' => $limit,
                'met' => $relation === '≤' ? $reached <= $limit : $reached >= $limit,
            ];
        }
        return $goals;
    }

    /**
     * Between which two ratios the middle half of the rounds lies.
     *
     * @param list<float> $ratios
     * @return ?array{float, float}
     */
    private static function spread(array $ratios): ?array
    {
        return count($ratios) < 2 ? null : [round(Statistics::percentile($ratios, 25), 2), round(Statistics::percentile($ratios, 75), 2)];
    }

    /** @param array<string, mixed> $goal */
    public static function reached(array $goal): string
    {
        return sprintf('%.2f', $goal['reached']) . ($goal['spread'] === null ? '' : vsprintf('; half of the rounds %.2f to %.2f', $goal['spread']));
    }

    /** @return list<array{string, string, ?string, string, float}> */
    private static function all(): array
    {
        $goals = self::GOALS;
        foreach (self::ON_SERVERS as [$case, $ours, $base, $limit]) {
            foreach (['unix', 'tcp'] as $link) {
                $goals[] = ["servers.$case.1024.1", sprintf($ours, $link), sprintf($base, $link), '≤', $limit];
            }
        }
        return $goals;
    }

    /** @param list<array<string, mixed>> $goals */
    public static function summary(array $goals): string
    {
        $lines = '';
        foreach ($goals as $goal) {
            $lines .= sprintf(
                "%s  %s, %s: %s%s, goal %s %.2f\n",
                $goal['met'] ? 'met    ' : 'NOT MET',
                $goal['ours'],
                $goal['label'],
                self::reached($goal),
                $goal['base'] === null ? '' : " of {$goal['base']}",
                $goal['relation'],
                $goal['limit'],
            );
        }
        return $lines;
    }
}
