<?php
/**
 * What a program of a test does with sessions, whatever keeps them. Each handler brings four functions:
 * visit() runs one request that may change its session, peek() one that only looks, destroy() ends a session, and
 * collect_garbage() has the handler collect it, in a request with a session.
 */

declare(strict_types=1);

/** A text that only this session can hold, with what could be taken for an end, a quote or another character. */
function mark(string $id): string
{
    return "\0'\\\"Ж%_|;}$id";
}

/** Fails unless a session is empty or the one of this id. */
function check_mark(string $id, array $session): void
{
    if (isset($session['n']) && ($session['mark'] ?? null) !== mark($id)) {
        throw new RuntimeException("MIXED: $id found " . substr(serialize($session), 0, 300));
    }
}

/** Counts a session up, and returns the count. */
function count_up(string $id, int $size = 10): int
{
    return visit($id, function (array &$session) use ($id, $size): int {
        check_mark($id, $session);
        $session['n'] = ($session['n'] ?? 0) + 1;
        $session['mark'] = mark($id);
        $session['more'] = str_repeat('x', $size);
        return $session['n'];
    });
}

/** The count of a session, null if there is none. */
function count_of(string $id): ?int
{
    $session = peek($id);
    check_mark($id, $session);
    return $session['n'] ?? null;
}
