"""Messages on their way: outbox, worker, gateways, opt-outs, status callbacks."""
