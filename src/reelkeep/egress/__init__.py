"""The egress process: connects companies' processes, which have no network, to what their company's list names."""
