from libs.service.migrations import run
from tests.service.kit.sample.service import Table

run(Table.metadata)
