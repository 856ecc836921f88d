import pytest

from summdiff.errors import DataError, UsageError
from summdiff.research.reproduce.measurements import TableData
from summdiff.research.reproduce.runner import plan_tables
from summdiff.research.reproduce.table_plans import Scale, paper, plan_table, read_tables

STUDIES = (
    "tvsum_systems",
    "f1_offset",
    "ddim_steps",
    "learning_rates",
    "joint_parts",
    "attempts",
    "default_model",
    "default_samples",
    "default_parts",
)


@pytest.fixture(scope="module")
def plans(data):
    """Plans of every table and study, in full size and in quick mode."""
    return {quick: plan_tables(["all", *STUDIES], data, Scale(quick=quick), print) for quick in (False, True)}


def test_every_study_is_tested():
    assert tuple(read_tables().studies) == STUDIES


def test_every_row_of_the_paper_has_a_counterpart(plans):
    """Except those on SumMe."""
    for plan in plans[False]:
        in_paper = paper().get(plan.name, {}).get("rows", {})
        named = {row.paper for _, rows in plan.rows for row in rows} - {None}
        assert {row for row in in_paper if not row.endswith("summe")} == named, plan.name


def test_all_rows_of_a_table_share_folds_and_selection(plans):
    for plan in [*plans[False], *plans[True]]:
        for _, rows in plan.rows:
            recipes = [row.measurement.run.recipe for row in rows]
            assert len({(r.folds, r.split_seed, r.validation, r.splits) for r in recipes}) == 1, plan.name
            learned = {r.select for r in recipes if r.network.model != "ridge"}
            assert len(learned) == 1, plan.name
            if plan.name in read_tables().tables:
                assert learned == {"best"}


def test_tables_share_what_they_have_in_common(plans):
    paper_plans = {plan.name: plan for plan in plans[False] if plan.name not in STUDIES}

    def digest(name, label):
        rows = paper_plans[name].rows[0][1]
        return next(row.measurement.run.digest for row in rows if row.label == label)

    ours = digest("table1", "SummDiff")
    assert ours == digest("table2", "SummDiff, 1 step") == digest("table3", "SummDiff, from scratch")
    assert ours == digest("table4", "Learnable") == digest("table5", "K = 200") == digest("table6", "p = 0.2, w = 0.8")
    assert ours == digest("table7", "lambda = 1") == digest("figure3", "steps = 50")
    runs = {
        row.measurement.run.digest
        for plan in paper_plans.values()
        for _, rows in plan.rows
        for row in rows
        if not row.measurement.target
    }
    # 16 and 11 systems; 2 embeddings, 7 K, 2 p and 3 lambda more on each data set
    assert len(runs) == 16 + 11 + 2 * (2 + 7 + 2 + 3)


def test_studies_of_the_systems_share_the_runs_of_table_1(plans):
    by_name = {plan.name: plan.rows[0][1] for plan in plans[False]}
    digests = {name: {row.measurement.run.digest for row in rows} for name, rows in by_name.items()}
    for name in ("tvsum_systems", "f1_offset", "ddim_steps"):
        assert digests[name] <= digests["table1"]
    assert all(row.measurement.run.recipe.validation == 0 for row in by_name["default_model"])
    samples = {row.measurement.file for row in by_name["default_samples"]}
    assert samples == {"samples.json"}


def test_systems_that_a_data_set_cannot_train_are_left_out_with_a_reason(plans):
    (table1,) = [plan for plan in plans[False] if plan.name == "table1"]
    on_tvsum, on_highlights = ([row.label for row in rows] for _, rows in table1.rows)
    assert set(on_tvsum) - set(on_highlights) == {
        "SummDiff, relational (ours, ships)",
        "A2Summ, without text",
        "DSNet, with anchors",
        "DSNet, without anchors",
        "iPTNet, summariser branch",
    }
    assert any("without SummDiff, relational" in note and "has neither" in note for note in table1.notes)


def test_a_file_of_tables_compares_any_recipes(data, tmp_path):
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("{name: mine, kind: tvsum, conditioning: features, network: {model: mlp, width: 8}}")
    own = tmp_path / "own.yaml"
    own.write_text(
        f"""
        tables:
          widths:
            title: Two widths
            rows:
              - system: mlp
                vary: {{width: [8, 16]}}
                label: "{{label}} of {{width}}"
                changes: ["network.width={{width}}"]
              - {{system: ["{recipe}", vasnet_tvsum]}}
        """
    )
    (plan,) = plan_tables([str(own)], data[:1], Scale(), print)
    rows = plan.rows[0][1]
    assert [row.label for row in rows] == ["perceptron of 8", "perceptron of 16", "mine", "vasnet_tvsum"]
    assert [row.measurement.run.recipe.network.width for row in rows[:3]] == [8, 16, 8]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tables: [", "is not a file of tables"),
        ("tables: {t: {title: x, rows: [{system: mlp, wrong: 1}]}}", "tables.t.rows.0.wrong: extra inputs"),
        ("tables: {t: {rows: []}}", "tables.t.title: field required"),
        ("tables: {t: {title: x, rows: [{system: nothing}]}}", "There is no recipe 'nothing'"),
        ("tables: {t: {title: x, rows: [{system: mlp, label: '{K}'}]}}", r"'\{K\}' in a row"),
        ("tables: {t: {title: x, rows: [{system: mlp, steps: few}]}}", "'few' in a row is not a number"),
        ("tables: {t: {title: x, rows: [{system: mlp, trained_on: larger}]}}", "needs `data: smaller`"),
        ("tables: {t: {title: x, data: [mr_hisum], rows: [{system: mlp}]}}", "needs data of kind mr_hisum"),
    ],
)
def test_mistakes_in_a_file_of_tables_end_in_a_sentence(text, message, data, tmp_path):
    path = tmp_path / "tables.yaml"
    path.write_text(text)
    with pytest.raises((DataError, UsageError), match=message):
        plan_table("t", read_tables(path), data[:1], Scale())


def test_data_without_schedules_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no training schedules"):
        plan_table("table7", read_tables(), [TableData("summe", tmp_path / "summe.h5")], Scale())
