"""An engine without processes."""

from tracker.engines import Done


class Here:
    """An engine that does one task after another, in this process."""

    workers = 1

    def __init__(self, *, backwards=False, fails=None):
        self.backwards, self.fails, self.tasks, self.ended = backwards, fails, [], False

    def map(self, work, tasks):
        self.tasks = list(tasks)
        try:
            for task in reversed(self.tasks) if self.backwards else self.tasks:
                if task.number == self.fails:
                    yield Done(task, None, "out of memory")
                else:
                    yield Done(task, work(task))
        finally:
            self.ended = True
