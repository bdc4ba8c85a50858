"""The local machine: state folder, servers, registration of deployments, health check."""
