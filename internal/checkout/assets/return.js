// Sends the way-back form by itself; its button works without this script.
// The address loses its query first, so that "Back" does not send it again.
const form = document.getElementById("return-form");
if (form && form.dataset.auto === "yes") {
  history.replaceState(null, "", location.pathname.replace(/\/return$/, ""));
  form.submit();
}
