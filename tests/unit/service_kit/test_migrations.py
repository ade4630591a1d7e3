from libs.events import schema as kernel
from libs.service.migrations import statements


def test_a_script_is_split_at_its_statements_only() -> None:
    script = """
    CREATE TABLE a (b text DEFAULT ';'); -- one; two
    CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $x$ BEGIN PERFORM 1; PERFORM $$a;b$$; END $x$;
    SELECT 'it''s; fine'
    """
    found = statements(script)
    assert len(found) == 3
    assert found[0] == "CREATE TABLE a (b text DEFAULT ';')"
    assert found[1].endswith("END $x$")


def test_the_kernels_script_is_whole_after_splitting() -> None:
    for script in kernel.VERSIONS:
        found = statements(script)
        assert "".join("".join(found).split()).replace(";", "") == "".join(script.split()).replace(";", "")
