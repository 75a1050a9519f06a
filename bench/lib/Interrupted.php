<?php

declare(strict_types=1);

namespace Bench;

/** Somebody pressed Ctrl-C or ended the script: not a failure of the peer being measured, so no suite may swallow it. */
final class Interrupted extends \Exception
{
}
