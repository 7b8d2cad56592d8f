"""What HTTP adds: routes, the shapes of requests and answers, errors, and what surrounds them."""
