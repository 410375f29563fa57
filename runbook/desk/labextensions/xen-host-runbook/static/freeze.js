// Freezes the plan and the apply cell of a step that is done: they are run and read, and no longer edited.
//
// Only in one's own copies (runbook/desk/copies.py notes their edition in the notebook), and only of steps that the
// runbook says are done. A prebuilt extension is a container of module federation with `init` and `get`
// (jupyterlab.readthedocs.io, "Prebuilt Extensions"); this one is small enough to be written by hand.
(() => {
  const ID = "xen-host-runbook:freeze";
  const APPLY = /\bbook\.apply\("([a-z0-9_]+)"\)/;
  const DONE = /^[^\n]*: (changed|unchanged)\b/; // the first line of an outcome (runbook/show/steps.py)
  let shared = {};

  const textOf = (output) => [].concat((output.data || {})["text/plain"] || "").join("");

  const isDone = (model) => model.outputs.toJSON().some((output) => DONE.test(textOf(output)));

  const freeze = (_, { notebook, cell }) => {
    const step = cell.model.type === "code" && APPLY.exec(cell.model.sharedModel.getSource());
    const own = notebook.model.getMetadata("runbook");
    if (!step || !own || !own.edition || !isDone(cell.model)) return;
    for (const one of notebook.model.cells) {
      const source = one.sharedModel.getSource();
      if (source.includes(`book.plan("${step[1]}")`) || source.includes(`book.apply("${step[1]}")`)) {
        one.setMetadata("editable", false);
        one.setMetadata("deletable", false);
      }
    }
  };

  const extension = async () => {
    const provided = Object.values(shared["@jupyterlab/notebook"] || {});
    if (!provided.length) throw new Error(`${ID}: this JupyterLab shares no @jupyterlab/notebook`);
    const { NotebookActions } = (await provided[0].get())();
    const plugin = { id: ID, autoStart: true, activate: () => { NotebookActions.executed.connect(freeze); } };
    return () => ({ __esModule: true, default: plugin });
  };

  window._JUPYTERLAB = window._JUPYTERLAB || {};
  window._JUPYTERLAB["xen-host-runbook"] = {
    init: (scope) => { shared = scope; },
    get: (module) => module === "./extension" ? extension() : Promise.reject(new Error(`${ID} has no ${module}`)),
  };
})();
