<?php
/*
 * Small helpers for output: escaping, and numbers as people read them.
 */
declare(strict_types=1);

function e(string|int|float $text): string
{
    return htmlspecialchars((string) $text, ENT_QUOTES | ENT_SUBSTITUTE);
}

function duration(?int $us): string
{
    return match (true) {
        $us === null => '–',
        $us < 1000 => "$us µs",
        $us < 1_000_000 => round($us / 1000, 1) . ' ms',
        default => round($us / 1_000_000, 2) . ' s',
    };
}

function bytes(int $bytes): string
{
    return match (true) {
        $bytes < 1 << 10 => "$bytes B",
        $bytes < 1 << 20 => round($bytes / 1024) . ' KiB',
        default => round($bytes / 1048576, 1) . ' MiB',
    };
}
