<?php

declare(strict_types=1);

/** A request of a real site has a handler of its own, which does not yet know whether its session exists; here one serves many. */
final class IlluminateOfOneRequest extends Illuminate\Session\DatabaseSessionHandler
{
    public function open($savePath, $sessionName): bool
    {
        $this->setExists(false);
        return parent::open($savePath, $sessionName);
    }
}
