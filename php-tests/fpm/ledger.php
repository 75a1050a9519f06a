<?php
/**
 * The account of what servers have acknowledged. A number that a client was told is counted, and must be
 * there in the end; a request that died with its worker may have counted or not, once at most.
 */

declare(strict_types=1);

final class Ledger
{
    /** @var array<string, array<int, true>> by session: the numbers that clients have been told */
    private array $told = [];
    /** @var array<string, int> by session: requests whose fate nobody knows */
    private array $unknown = [];
    /** @var list<float> how long each request took */
    public array $seconds = [];

    /** Enters the answer of increment.php. Returns whether it was acknowledged. */
    public function enter(string $session, Response $response): bool
    {
        $this->told[$session] ??= [];
        $this->unknown[$session] ??= 0;
        $this->seconds[] = $response->seconds;
        // 502 is nginx's answer when php-fpm is down or the worker died. When it died while answering, what
        // came so far ends like a whole answer. Anything else a page said itself, or nobody said in time.
        if ($response->status === 502 || $response->ok() && !str_ends_with($response->body, "}\n")) {
            $this->unknown[$session]++;
            return false;
        }
        $n = $response->json()['n'];
        check(!isset($this->told[$session][$n]), "session $session was counted to $n twice: an acknowledged write was lost");
        $this->told[$session][$n] = true;
        return true;
    }

    public function acknowledged(): int
    {
        return array_sum(array_map('count', $this->told));
    }

    public function unknown(): int
    {
        return array_sum($this->unknown);
    }

    /**
     * Compares the account with the sessions as they are now.
     *
     * @param callable(string): int $counter reads the counter of a session
     */
    public function settle(callable $counter): void
    {
        check($this->acknowledged() > 0, 'nothing was acknowledged');
        foreach ($this->told as $session => $numbers) {
            $found = $counter((string) $session);
            $least = $numbers === [] ? 0 : max(count($numbers), max(array_keys($numbers)));
            $most = count($numbers) + $this->unknown[$session];
            check($found >= $least && $found <= $most, "session $session stands at $found; clients were told of "
                . count($numbers) . " writes up to $least, and {$this->unknown[$session]} more may have happened");
        }
    }
}

/** Clients that count random sessions of a set up until $enough() is true. @return list<Generator> */
function storm(Site $site, Ledger $ledger, array $sessions, int $clients, int $size, callable $enough): array
{
    return array_map(fn () => (function () use ($site, $ledger, $sessions, $size, $enough) {
        $browsers = array_map(fn ($session) => $site->browser($session), array_combine($sessions, $sessions));
        while (!$enough()) {
            $session = $sessions[array_rand($sessions)];
            if (!$ledger->enter($session, yield $browsers[$session]->request('/increment.php', ['size' => random_int(100, $size)]))) {
                yield 0.002;
            }
        }
    })(), range(1, $clients));
}

/** Clients, on these sites in turn, that count one session up so many times each. @return list<Generator> */
function counters(array $sites, Ledger $ledger, string $session, int $clients, int $times): array
{
    return array_map(fn (int $client) => (function () use ($sites, $ledger, $session, $client, $times) {
        $browser = $sites[$client % count($sites)]->browser($session);
        for ($i = 0; $i < $times; $i++) {
            check($ledger->enter($session, yield $browser->request('/increment.php')), 'a request failed');
        }
    })(), range(1, $clients));
}
