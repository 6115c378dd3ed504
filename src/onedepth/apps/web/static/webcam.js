// A photo from the computer's camera; the stream ends with the dialog.

/** Open the camera; resolves to a JPEG blob, or null when the user changed their mind. */
export async function takePhoto() {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new Error("The browser gives the camera only to pages from this machine or over https.");
  }
  const dialog = document.querySelector("dialog.webcam"), video = dialog.querySelector("video");
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({
      video: { facingMode: "environment", width: { ideal: 1920 }, height: { ideal: 1080 } },
    });
  } catch (error) {
    const denied = error.name === "NotAllowedError";
    throw new Error(denied ? "The browser was not allowed to use the camera." : "No camera was found.");
  }
  try {
    video.srcObject = stream;
    await video.play();
    dialog.showModal();
    const taken = await new Promise(done => {
      dialog.querySelector(".take").onclick = () => done(true);
      dialog.querySelector(".cancel").onclick = () => done(false);
      dialog.oncancel = () => done(false);
    });
    return taken ? await frame(video) : null;
  } finally {
    dialog.close();
    stream.getTracks().forEach(track => track.stop());
    video.srcObject = null;
  }
}

function frame(video) {
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth; canvas.height = video.videoHeight;
  canvas.getContext("2d").drawImage(video, 0, 0);
  return new Promise(done => canvas.toBlob(done, "image/jpeg", 0.95));
}
