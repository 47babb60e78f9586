"""The REST door: tokens, problems, paging, idempotency, viewsets that ask for rights."""
