from libs.service.main import main
from tests.service.kit.sample.service import sample

raise SystemExit(main(sample))
