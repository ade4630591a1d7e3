"""An order and what happens to it: lines, holds, what other services said, the next step, the timeline, deadlines."""
