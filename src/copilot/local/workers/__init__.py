"""What carries out actions: one worker for each kind. Each can take up an action that a killed server had started."""
