"""End-to-end tests over the network: real servers, real sockets, the local Clerk."""
