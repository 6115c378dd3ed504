"""What the experiments share: the harness, test sets and their scores, prepared data, tables and figures."""
