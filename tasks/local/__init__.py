"""What is on the machine: state folder, servers, registration of deployments, health check."""
